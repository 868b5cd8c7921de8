# Installs packages by the guest's own package manager: names, and full paths of packages' files. Without names nothing
# has to be fetched. Neither has blanks in it.
names='' files=''
for package in "$@"; do
  case $package in
    /*) files="$files $package" ;;
    *) names="$names $package" ;;
  esac
done

has() { command -v "$1" >/dev/null; }

# Takes two commands, for names and for files, and runs those that there is something for.
install() {
  [ -z "$files" ] || $2 $files || exit
  [ -z "$names" ] || $1 $names || exit
}

export DEBIAN_FRONTEND=noninteractive
keeping='-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold'
if has apt-get; then
  [ -z "$names" ] || apt-get update || exit
  install "apt-get install -y $keeping" "apt-get install -y $keeping"
elif has dnf; then
  install 'dnf install -y' 'dnf install -y'
elif has yum; then
  install 'yum install -y' 'yum install -y'
elif has zypper; then
  install 'zypper --non-interactive install' 'zypper --non-interactive install --allow-unsigned-rpm'
elif has apk; then
  install 'apk add' 'apk add --allow-untrusted'
elif has pacman; then
  install 'pacman -Sy --noconfirm --needed' 'pacman -U --noconfirm --needed'
elif [ -z "$names" ] && has dpkg; then
  dpkg -i $files
elif [ -z "$names" ] && has rpm; then
  rpm -U --replacepkgs $files
else
  echo "vmf: this guest has no package manager that could install$names$files:" \
    "apt-get, dnf, yum, zypper, apk and pacman are known, and for files dpkg and rpm"
  exit 1
fi
