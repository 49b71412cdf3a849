# The main job of nxvfs, step by step. Run it from the root of the repository:
#
#   target/release/nxvfs shell docs/demo.nsh
#
# docs/demo.img is a romfs image that genromfs made.

set -x

echo "== 1. Which plugins are there, and what does the RAM disk's driver take?"
lsmod
modinfo ramdisk-xip

echo
echo "== 2. A RAM disk that maps the image file itself, read-only."
attach ramdisk-xip /dev/ram0 image=docs/demo.img ro
ls -l /dev

echo
echo "== 3. Mount it. File system and device agree on how files can be mapped."
mount -t romfs /dev/ram0 /rom
mount
df -h

echo
echo "== 4. The files."
ls -lR /rom
cat /rom/readme.txt
readlink /rom/latest
sha256sum -r /rom

echo
echo "== 5. Where on the medium does a file lie, and how would it be mapped?"
explain /rom/docs/poem.txt

echo
echo "== 6. Map it: the bytes of the mapping are those of the medium, in place. Nothing was copied."
mmap /rom/docs/poem.txt 0 64
mmap /rom/latest 4K 64
hexdump -s 0 -n 32 /dev/ram0

echo
echo "== 7. Everything is given back. Done."
caps /rom
lsmod
umount /rom
detach /dev/ram0
