"""What is kept of the notes: SQLite, and tantivy's and FAISS's copies of it."""
