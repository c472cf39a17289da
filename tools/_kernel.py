"""The lab's kernel: Debian's own image, unpacked without installing it, and the small first file system around it.

Kept in a cache of the machine (`/var/cache/isthmus` for root), not of the checkout: it is 70 MB to fetch, the same for
every checkout, and independent of what the checkout holds. What depends on the checkout (`tools/labvm/init`, the list
of modules) goes into the checkout's own `.cache/lab`.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
# Loaded before the root file system exists, in the order that modprobe gives.
BOOT_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay", "af_packet")
# Loaded before the command runs, so that no test waits for them or depends on an autoload.
LAB_MODULES = (
    "l2tp_netlink", "l2tp_eth", "l2tp_ip", "l2tp_ip6", "l2tp_ppp", "pppox",
    "xfrm_user", "xfrm_interface", "esp4", "esp6",
    "gcm", "ccm", "ctr", "seqiv", "echainiv", "authenc", "cbc", "hmac",
    "sha3_generic", "jitterentropy_rng", "drbg",
    "sha256_ssse3", "sha1_ssse3", "sha512_ssse3",
    "aesni_intel", "chacha20poly1305", "chacha_x86_64", "poly1305_x86_64",
    "nf_tables", "nft_xfrm", "nft_ct", "nft_nat", "nft_masq", "nft_chain_nat", "nft_reject_inet", "nft_limit",
    "nft_log", "nft_objref", "nft_fib_inet", "nf_flow_table", "nf_flow_table_inet", "nft_flow_offload",
    "nf_conntrack_netlink",
    "dummy", "veth", "bridge", "sch_netem", "tun", "virtio_net",
)
# The parts of the module tree that a lab can use; the rest (drivers of real hardware) is most of its 400 MB.
KEPT_MODULES = ("net", "crypto", "lib", "arch", "fs/9p", "fs/fscache", "fs/netfs", "fs/overlayfs", "fs/fuse",
                "drivers/virtio", "drivers/char/virtio_console.ko", "drivers/block", "drivers/net/dummy.ko",
                "drivers/net/veth.ko", "drivers/net/tun.ko", "drivers/net/ppp", "drivers/net/macvlan.ko",
                "drivers/net/vrf.ko", "drivers/net/slip", "drivers/net/bonding", "drivers/net/wireguard",
                "drivers/net/ifb.ko", "drivers/net/nlmon.ko", "drivers/net/vxlan", "drivers/net/mii.ko",
                "drivers/net/net_failover.ko", "drivers/net/virtio_net.ko")
NEWEST_MODULE = "drivers/net/virtio_net.ko"  # an image without it was kept by an older checkout, and is fetched anew


class KernelImageError(Exception):
    """No kernel image could be made; the text says why."""


class Image:
    """What a virtual machine boots: the kernel as ELF, the first file system, where the modules are."""

    def __init__(self, kernel: Path, initrd: Path, release: str) -> None:
        self.kernel = kernel
        self.initrd = initrd
        self.release = release


def find_kernel(shared: Path) -> Path | None:
    """The folder of the unpacked kernel (`vmlinux`, `lib/modules/RELEASE`), None when it has to be fetched."""
    folder = shared / "kernel" / "current"
    is_whole = (folder / "vmlinux").is_file() and any(folder.glob("lib/modules/*/kernel/" + NEWEST_MODULE))
    return folder.resolve() if is_whole else None


def fetch_kernel(shared: Path) -> None:
    """Download the kernel that Debian's metapackage names today, unpack it and keep what the lab can use."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise KernelImageError("this kernel lacks what the lab needs, and the lab's virtual machine takes Debian's "
                               "kernel package with apt-get: use Debian or Ubuntu, or a kernel with ESP and L2TP")
    folder = shared / "kernel"
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
    work.chmod(0o755)
    try:
        package = find_package()
        # The sandbox user of apt cannot write here; without this it warns.
        call(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], work)
        deb = next(work.glob("*.deb"))
        call(["dpkg-deb", "-x", str(deb), "x"], work)
        release = next((work / "x/lib/modules").iterdir()).name
        write_elf(work / f"x/boot/vmlinuz-{release}", work / "vmlinux")
        keep_modules(work / "x/lib/modules" / release, work / "lib/modules" / release)
        call([find_sbin("depmod"), "-b", str(work), release], work)
        shutil.rmtree(work / "x")
        deb.unlink()
        target = folder / release
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    except (OSError, StopIteration, lzma.LZMAError) as error:
        raise KernelImageError(f"unpacking Debian's kernel failed: {error!r}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    link = folder / f"current.{os.getpid()}"
    link.symlink_to(release)
    link.rename(folder / "current")


def find_package() -> str:
    """The package behind Debian's metapackage; the ordinary flavour (`-cloud-` lacks l2tp_ppp)."""
    listing = call(["apt-cache", "depends", "linux-image-amd64"], TOOLS)
    found = re.search(r"Depends: (linux-image-\S+)", listing)
    if found is None:
        raise KernelImageError("apt knows no package linux-image-amd64: the virtual machine needs Debian's, for PCs")
    return found.group(1)


def call(command: list[str], folder: Path) -> str:
    """Run a command in a folder and give its output; an error names it."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise KernelImageError(f"{' '.join(command)} failed ({done.returncode}): {done.stdout[-1000:]}")
    return done.stdout


def find_sbin(name: str) -> str:
    """A program of the system administrator's, wherever it is."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise KernelImageError(f"{name} is missing")
    return found


def write_elf(compressed: Path, target: Path) -> None:
    """Take the ELF kernel out of a bzImage.

    Booted by its PVH entry it needs neither firmware nor the decompressor, which an emulated processor takes 6 s for.
    The offsets are those of the kernel's boot protocol (Documentation/x86/boot.rst, payload_offset).
    """
    image = compressed.read_bytes()
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if not payload.startswith(b"\xfd7zXZ\0"):
        raise KernelImageError(f"{compressed.name} is compressed in a way not known here: {payload[:6]!r}, expected xz")
    kernel = lzma.LZMADecompressor().decompress(payload)
    if not kernel.startswith(b"\x7fELF"):
        raise KernelImageError(f"{compressed.name} holds no ELF kernel")
    target.write_bytes(kernel)


def keep_modules(source: Path, target: Path) -> None:
    """Move the parts of the module tree that a lab can use."""
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).rename(target / name)
    for name in KEPT_MODULES:
        found = source / "kernel" / name
        if found.exists():
            (target / "kernel" / name).parent.mkdir(parents=True, exist_ok=True)
            found.rename(target / "kernel" / name)


def list_modules(folder: Path, release: str, names: tuple[str, ...]) -> list[Path]:
    """The module files to insert, in order, for these modules and all that they need; built-in ones are none."""
    files: list[Path] = []
    for name in names:
        listing = call([find_sbin("modprobe"), "-d", str(folder), "-S", release, "--show-depends", name], folder)
        for line in listing.splitlines():
            word, _, path = line.strip().partition(" ")
            if word == "insmod" and Path(path.split()[0]) not in files:
                files.append(Path(path.split()[0]))
    return files


def build_image(shared: Path, cache: Path) -> Image:
    """The kernel and the first file system for this checkout, built when something of it has changed."""
    kernel = find_kernel(shared)
    if kernel is None:
        raise KernelImageError("the lab's kernel is not there; run tools/setup lab")
    init = (TOOLS / "labvm" / "init").read_bytes()
    busybox = Path(find_sbin("busybox"))
    inputs = (str(kernel), str(BOOT_MODULES), str(LAB_MODULES), str(busybox.stat().st_mtime_ns))
    digest = hashlib.sha256(init + "\0".join(inputs).encode()).hexdigest()[:16]
    initrd = cache / "lab" / f"initrd-{digest}"
    if not initrd.exists():
        initrd.parent.mkdir(parents=True, exist_ok=True)
        part = initrd.with_suffix(f".{os.getpid()}")
        part.write_bytes(pack_initrd(kernel, init, busybox))
        for old in initrd.parent.glob("initrd-*"):
            if old != part:
                old.unlink(missing_ok=True)
        part.rename(initrd)
    return Image(kernel / "vmlinux", initrd, kernel.name)


def pack_initrd(kernel: Path, init: bytes, busybox: Path) -> bytes:
    """The archive that the kernel unpacks as its first root: busybox, the modules, `init`."""
    boot = list_modules(kernel, kernel.name, BOOT_MODULES)
    lab = [path for path in list_modules(kernel, kernel.name, LAB_MODULES) if path not in boot]
    members: list[tuple[str, int, bytes]] = [(name, stat.S_IFDIR | 0o755, b"")
                                             for name in ("bin", "dev", "proc", "sys", "modules", "host", "new")]
    members.append(("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()))
    members.append(("init", stat.S_IFREG | 0o755, init))
    members.append(("modules.boot", stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in boot).encode()))
    members.append(("modules.lab", stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in lab).encode()))
    members.extend((f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes()) for path in boot + lab)
    return pack_archive(members)


def pack_archive(members: list[tuple[str, int, bytes]]) -> bytes:
    """Members (path, mode, content) as a cpio archive of the kind that the kernel reads ("newc")."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*members, ("TRAILER!!!", 0, b"")], 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def is_static(program: str | None) -> bool:
    """True when a program needs no shared libraries, so that it can run in the first file system."""
    return program is not None and b"/ld-linux" not in Path(program).read_bytes()[:4096]
