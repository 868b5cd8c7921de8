chmod 755 vmf-* && export PATH="$PATH:$PWD"
# This script is a part of what cloud-init does; all of that, with what the user's own data ask for, is to be done before.
{
  until [ -e /var/lib/cloud/instance/boot-finished ]; do sleep 1; done
  exec sh vmf-guest
} </dev/null >/dev/console 2>&1 &
