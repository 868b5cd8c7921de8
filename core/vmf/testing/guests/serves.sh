echo vmf-ready
card=/sys/class/net/eth0
echo "card $(cat $card/address) $(basename "$(readlink $card/device/driver)")"
while :; do echo served | nc -l -p 7000; done
