"""Moving in from HTCondor: submit descriptions and machine configurations in, specs with comments out."""
