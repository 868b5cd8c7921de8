#!/usr/bin/env bash
# far.sh FOLDER SSH_PORT: another computer with a libvirt daemon, as the first process of namespaces of its own; it shares
# this computer's network, where its ports are. See `libvirtbed.Bed` for FOLDER. What comes in is read line by line:
# `start` and `kill` are for the daemon, and answered by a line when that is done. All of it ends with what comes in.
# It is bash, which reaps whatever it inherits while it reads: libvirt takes a zombie for a guest that is alive.
set -eu
here=$(dirname "$0")
home=$(getent passwd root | cut -d: -f6)
# shellcheck source=tests/netbed/own.sh
source "$here/../netbed/own.sh"
hostname far
mkdir /run/far
mount --bind "$1" /run/far
cat /run/far/libvirtd.conf >>/etc/libvirt/libvirtd.conf
# A way in, for one key: the server looks for it where root is at home.
mount -t tmpfs -o mode=700 tmpfs "$home"
cd /
install -D -m 600 /run/far/user.pub "$home/.ssh/authorized_keys"
dropbear -E -s -j -k -r /run/far/host_key -p "127.0.0.1:$2" 2>/run/far/ssh.log

while read -r word; do
  case $word in
  start)
    libvirtd --daemon --listen # returns when it listens
    daemon=$(cat /run/libvirtd.pid)
    ;;
  kill)
    kill -KILL "$daemon"
    while kill -0 "$daemon" 2>/dev/null; do sleep 0.01; done
    ;;
  esac
  echo "$word"
done
