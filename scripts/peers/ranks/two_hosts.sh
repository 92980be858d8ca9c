#!/usr/bin/env bash
# Runs hewn on two hosts that a slow link joins. Network namespaces of this machine stand for the hosts, which needs root
# and Debian's iproute2; both see all cores, so give threads:
#   scripts/peers/ranks/two_hosts.sh 1gbit bench train --ranks=2 --threads=1 --gradient_accumulation_steps=32 ...
# HEWN names the program (default: build/apps/hewn).
set -euo pipefail
cd "$(dirname "$0")/../../.."
[ $# -ge 2 ] || { echo "usage: scripts/peers/ranks/two_hosts.sh RATE COMMAND..." >&2; exit 2; }
rate=$1
shift
hewn=$(realpath "${HEWN:-build/apps/hewn}")
first=hewn$$a second=hewn$$b
folder=$(mktemp -d)
trap 'ip netns delete $first 2>/dev/null; ip netns delete $second 2>/dev/null; rm -rf "$folder"' EXIT

ip netns add $first
ip netns add $second
ip link add veth0 netns $first type veth peer name veth0 netns $second
address=1
for host in $first $second; do
  tc -n $host qdisc add dev veth0 root tbf rate "$rate" burst 256kb latency 50ms
  ip -n $host address add 10.77.0.$address/24 dev veth0
  ip -n $host link set lo up
  ip -n $host link set veth0 up
  echo "10.77.0.$address $(($(nproc) / 2))" >>"$folder/hosts"
  address=2
done

# Starts a program on one of the hosts, as ssh would.
cat >"$folder/remote" <<END
#!/bin/sh
host=$second
[ "\$1" = 10.77.0.1 ] && host=$first
shift
exec ip netns exec \$host unshare --uts sh -c "hostname \$host; \$*"
END
chmod +x "$folder/remote"
export OMPI_MCA_plm_rsh_agent=$folder/remote OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec $first unshare --uts sh -c "hostname $first; exec \"\$0\" \"\$@\"" "$hewn" "$@" --hosts="$folder/hosts"
