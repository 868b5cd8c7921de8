# The contract suite's guest that counts on its first disk, past its own cache.
disk=$(ls /dev/sda /dev/vda /dev/xvda 2>/dev/null | tail -n 1) n=0
put() { dd of=$disk conv=notrunc,fsync "$@" 2>/dev/null; }
{ echo 0; head -c 700000 /dev/urandom; } | put
echo vmf-ready
while ! read -r -t 0.2 line </dev/console; do
  had=$(dd if=$disk iflag=direct bs=4096 count=1 2>/dev/null | head -n 1)
  [ "$had" = $n ] && word=count || word="lost $had"
  n=$((n + 1))
  echo $n | put
  echo "$word $n"
done
echo made >made
exit 7
