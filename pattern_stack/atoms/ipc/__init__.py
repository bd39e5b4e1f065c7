"""Workers of one host: where they meet, the link of each, and the broker process that keeps what they share."""
