"""What is done on machines: steps in the order that their graph allows, and the images that have a part of them done.

Pure: `graph` is what is asked for, `golden` which image serves it best, `drawing` shows either.
"""
