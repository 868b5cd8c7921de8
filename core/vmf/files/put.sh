# Puts files and folders of a step's disc into the guest: put/1 to the first full path given, and so on. They are root's.
here=${0%/*} number=0 copy=$(mktemp -d)/copy || exit

# A folder that is there keeps what else is in it; a file or a link that is there is replaced.
put() {
  cp -R "$1" "$copy" && chmod -R u+w "$copy" && mkdir -p "${2%/*}/" || return
  if [ -d "$copy" ]; then
    mkdir -p "$2" && cp -Rp "$copy/." "$2/"
  elif [ -d "$2" ] && [ ! -L "$2" ]; then
    echo "vmf: $2 is a folder, and a file is to be put there"
    return 1
  else
    rm -f "$2" && cp -p "$copy" "$2"
  fi
}

for path in "$@"; do
  number=$((number + 1))
  put "$here/put/$number" "$path" && rm -rf "$copy" || exit
done
