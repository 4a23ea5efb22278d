//! Memory of this process whose addresses nobody vouches for: read by the system, which answers with an error where we
//! would fault.

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The words at `address`; `None` where not all of them can be read. Another thread may change them meanwhile.
pub fn words<const COUNT: usize>(address: usize) -> Option<[usize; COUNT]> {
    let mut found = [0; COUNT];
    copy(address, &mut found).then_some(found)
}

/// Fills `words` with what stands at `address`, and answers whether all of it could be read.
pub fn copy(address: usize, words: &mut [usize]) -> bool {
    static DENIED: AtomicBool = AtomicBool::new(false);
    if !DENIED.load(Ordering::Relaxed) {
        match by_the_system(address, words) {
            Some(is_read) => return is_read,
            None => DENIED.store(true, Ordering::Relaxed),
        }
    }
    by_a_pipe(address, words).unwrap_or(false)
}

/// `None` where this process may not do it (a sandbox), or the kernel has no such call.
fn by_the_system(address: usize, words: &mut [usize]) -> Option<bool> {
    let size = size_of_val(words);
    let to = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
    let from = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: size };
    // SAFETY: the destination is ours and so long; the source is the kernel's to check.
    let got = unsafe { libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0) };
    let denied = || !matches!(io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT | libc::ENOMEM));
    if got < 0 && denied() { None } else { Some(usize::try_from(got) == Ok(size)) }
}

/// The same by a pipe, into which the kernel copies, or refuses to. So many bytes at a time as every pipe takes at once.
fn by_a_pipe(address: usize, words: &mut [usize]) -> io::Result<bool> {
    const PART: usize = libc::PIPE_BUF / size_of::<usize>();
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were opened just now, and are nobody else's.
    let [mut out, into] = ends.map(|end| unsafe { File::from_raw_fd(end) });
    let mut bytes = [0; libc::PIPE_BUF];
    let mut from = address;
    for part in words.chunks_mut(PART) {
        let size = size_of_val(part);
        // SAFETY: the kernel checks the address, and reads only.
        let sent = unsafe { libc::write(into.as_raw_fd(), std::ptr::without_provenance::<c_void>(from), size) };
        if usize::try_from(sent) != Ok(size) {
            return Ok(false);
        }
        out.read_exact(&mut bytes[..size])?;
        for (word, bytes) in part.iter_mut().zip(bytes.chunks_exact(size_of::<usize>())) {
            *word = usize::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
        from = from.wrapping_add(size);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Way = fn(usize, &mut [usize]) -> bool;
    const WAYS: [(&str, Way); 3] = [
        ("copy", copy),
        ("the system", |address, words| by_the_system(address, words).unwrap()),
        ("a pipe", |address, words| by_a_pipe(address, words).unwrap()),
    ];

    #[test]
    fn memory_that_is_there_is_read_in_full_and_what_is_not_there_is_no_crash() {
        let there: Vec<usize> = (0..3000).map(|number| number * 0x0101_0101).collect();
        for (name, read) in WAYS {
            let mut found = vec![0; there.len()];
            assert!(read(there.as_ptr().addr(), &mut found), "{name}");
            assert_eq!(found, there, "{name}");
            for nowhere in [0, 1, 8, 0x1000 - 8, usize::MAX - 64, usize::MAX, 1 << 47, 0xdead_beef_dead_bee8] {
                assert!(!read(nowhere, &mut [0; 8]), "{name}: {nowhere:x}");
            }
        }
    }

    #[test]
    fn memory_that_ends_too_early_is_not_read_in_part() {
        let page = 4096;
        let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a mapping of our own, anywhere.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), 2 * page, protection, kind, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the second page of it, which nobody uses.
        assert_eq!(unsafe { libc::mprotect(start.byte_add(page), page, libc::PROT_NONE) }, 0);
        for (name, read) in WAYS {
            assert!(read(start.addr() + page - 16, &mut [0; 2]), "{name}");
            assert!(!read(start.addr() + page - 16, &mut [0; 3]), "{name}");
            assert!(!read(start.addr() + page - 4096, &mut [0; 513]), "{name}");
        }
        // SAFETY: mapped above, and not used again.
        assert_eq!(unsafe { libc::munmap(start, 2 * page) }, 0);
    }
}
