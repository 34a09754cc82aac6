//! Who are you: users, app passwords, sessions, throttling.
