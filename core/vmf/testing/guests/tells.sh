# A guest of the contract suite: tells what its machine is made of, writes to it, and stays.
echo vmf-ready
echo "clock $(cat /sys/class/rtc/rtc0/since_epoch)"
[ -e /sys/firmware/efi ] && echo "firmware uefi" || echo "firmware bios"
mkdir -p /tmp/told /tmp/disc /tmp/share

tell_disk() {
  word=$(head -n 1 "/dev/$1" | head -c 40)
  case $word in contract-*) ;; *) return ;; esac
  echo "disk $1 $(($(cat "/sys/block/$1/size") * 512)) $word"
  if [ "$word" = contract-disk-rate ]; then
    read -r before _ </proc/uptime
    cat "/dev/$1" >/dev/null
    read -r after _ </proc/uptime
    echo "read $word $(echo "$before $after" | awk '{ print $2 - $1 }')"
  fi
  if echo contract-changed | dd of="/dev/$1" conv=notrunc,fsync; then echo "wrote $word"; else echo "kept $word"; fi
}

tell_disc() {
  mount -o ro "/dev/$1" /tmp/disc || return
  [ ! -e /tmp/disc/word ] || echo "disc $(cat /tmp/disc/word)"
  umount /tmp/disc
}

tell_share() {
  mount -t 9p -o trans=virtio,version=9p2000.L "$1" /tmp/share || return
  echo "share $1 $(cat /tmp/share/word)"
  if touch /tmp/share/made; then echo "wrote $1"; else echo "kept $1"; fi
  umount /tmp/share
}

once() { [ -e "/tmp/told/$1-$2" ] || { touch "/tmp/told/$1-$2" && "$@"; }; }

while :; do
  for disk in /sys/block/[sv]d* /sys/block/xvd*; do once tell_disk "${disk##*/}"; done
  for disc in /sys/block/sr* /sys/block/xvd*; do once tell_disc "${disc##*/}"; done
  for tag in /sys/bus/virtio/drivers/9pnet_virtio/virtio*/mount_tag; do
    [ ! -e "$tag" ] || once tell_share "$(tr -d '\0' <"$tag")"
  done
  sleep 0.2
done 2>/dev/null
