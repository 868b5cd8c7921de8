"""Images at hand: the tiny guest, and the lines that make any Linux a guest of vmf."""
