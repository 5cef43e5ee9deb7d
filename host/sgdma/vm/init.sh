#!/bin/sh
# The guest's first process: file systems, VFIO, huge pages, then the agent, whose end is the guest's end.
export PATH=/usr/bin HOME=/home LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts /dev/hugepages
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
for word in $(cat /proc/cmdline); do
  case $word in sgdma.hugepages=*) echo "${word#*=}" > /proc/sys/vm/nr_hugepages ;; esac
done
mount -t hugetlbfs hugetlbfs /dev/hugepages
for module in $(cat /modules/order); do
  insmod "/modules/$module.ko" || echo "init: no module $module"
done
ip link set lo up
echo "init: up after $(cut -d" " -f1 /proc/uptime) s"
cd
PYTHONPATH=/agent python3 -m sgdma.vm.agent
echo "init: agent ended with $?"
poweroff -f
