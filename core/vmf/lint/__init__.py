"""Finding what is wrong with specs before anybody runs them: every finding of every file in one go."""
