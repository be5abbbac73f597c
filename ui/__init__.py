"""What the chat page shows: render.py (answers as HTML), chat.css, chat.js. app.py puts it up."""
