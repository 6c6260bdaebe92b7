"""What `check` looks at: `server` (the database and its state), `listening` (whether notifications
arrive), `work` (queues and nodes). Each yields findings; `finding` says what one is."""
