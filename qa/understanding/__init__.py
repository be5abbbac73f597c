"""What a question asks for: follow-ups completed, words weighed, kinds told, evidence found."""
