#!/bin/sh
# A desktop session with the sync client in it, run inside a mount and a PID namespace of its own
# (desktop.rs): what is mounted is seen here only, and all of it ends when the first process does.
# Its arguments: the folder of certificates to trust. HOME, DISPLAY and PATH are the test's.
set -eu
mount --bind "$1" /etc/ssl/certs # Qt 5 reads this folder and no other
exec dbus-run-session -- sh -eu -c '
    openbox &
    # An unlocked keyring; without one the client asks for a password to keep passwords with.
    printf "keyring" | gnome-keyring-daemon --unlock --components=secrets >"$HOME/keyring.log" 2>&1
    exec nextcloud --logfile "$HOME/client.log" --logdebug --logflush >"$HOME/client.out" 2>&1
'
