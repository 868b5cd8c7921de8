# A guest of the contract suite: calls PORT at THERE, which a test puts in; `gateway` is QEMU's, which tells no guest of it.
echo vmf-ready
until ip -4 addr show eth0 | grep -q inet; do sleep 0.1; done
there=THERE
if [ $there = gateway ]; then there=10.0.2.2; ip route replace default via $there; fi
if timeout 5 nc -w 3 $there PORT </dev/null; then echo answered; else echo silent; fi
while :; do sleep 1; done
