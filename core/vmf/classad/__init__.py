"""The ClassAd language: parse, evaluate, match."""
