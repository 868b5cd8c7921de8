# shellcheck shell=sh
# Sourced by root in namespaces of its own, for mounts at least: libvirt gets folders and devices that nobody else sees,
# and settings with which QEMU needs nothing of the rest of the computer.
for folder in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
  mkdir -p $folder && mount -t tmpfs -o mode=755 tmpfs $folder
done
mkdir -p /run/lock /run/libvirt /run/dev /etc/libvirt/qemu /var/lib/libvirt/qemu /var/log/libvirt/qemu
# No kvm: libvirt takes the node for a proof.
mount -t tmpfs -o mode=755 tmpfs /run/dev
mkdir /run/dev/net /run/dev/pts /run/dev/shm
for device in null zero full random urandom tty; do cp -a /dev/$device /run/dev/$device; done
mknod -m 666 /run/dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666 devpts /run/dev/pts
mount -t tmpfs tmpfs /run/dev/shm
ln -s pts/ptmx /run/dev/ptmx
ln -s /proc/self/fd /run/dev/fd
mount --move /run/dev /dev
cat >/etc/libvirt/qemu.conf <<CONF
stdio_handler = "file"
security_driver = "none"
remember_owner = 0
namespaces = []
cgroup_controllers = []
CONF
printf 'auth_unix_%s = "none"\n' ro rw >/etc/libvirt/libvirtd.conf
