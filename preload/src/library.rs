//! libhostlock, found where it was installed: above the directory of the initialiser, beside it, or on the loader's own
//! path. It is never closed.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

const SONAME: &str = "libhostlock.so.0";
/// `HOSTLOCK_E_STATE`.
const E_STATE: c_int = -4;

/// Which hosts a connection is meant for.
pub type Ask = unsafe extern "C" fn(c_int, *const u8, *mut c_char, usize, *mut c_void) -> c_int;
/// That a connection was refused.
pub type Refused = unsafe extern "C" fn(c_int, *const u8, *mut c_void);

/// The library, loaded.
pub struct Library(*mut c_void);

type OneText = unsafe extern "C" fn(*const c_char) -> c_int;
type TwoTexts = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
type Normalize = unsafe extern "C" fn(*const c_char, *mut c_char, usize) -> c_int;
type SetHostSource = unsafe extern "C" fn(Option<Ask>, Option<Refused>, *mut c_void) -> c_int;
type LastError = unsafe extern "C" fn() -> *const c_void;
type Message = unsafe extern "C" fn(*const c_void) -> *const c_char;

impl Library {
    /// Loads it, or says why that is not possible.
    pub fn open() -> Result<Library, String> {
        let mut why = String::new();
        for path in places() {
            let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { continue };
            // SAFETY: the path is NUL-terminated; libhostlock runs no code of its own when it is loaded.
            let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            if !handle.is_null() {
                return Ok(Library(handle));
            }
            // SAFETY: after a failure dlerror gives a text of this thread, or NULL.
            let error = unsafe { libc::dlerror() };
            if !error.is_null() {
                // SAFETY: a text that ends, and stands until this thread asks the loader again.
                why = unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned();
            }
        }
        Err(why)
    }

    /// Calls a function of one text, which may be NULL.
    pub fn call_0_or_1(&self, name: &CStr, text: Option<&CStr>) -> Result<(), String> {
        let function = self.find(name)?;
        // SAFETY: the header of libhostlock declares it so.
        let function = unsafe { mem::transmute::<*mut c_void, OneText>(function) };
        // SAFETY: NULL or NUL-terminated.
        self.check(unsafe { function(text.map_or(ptr::null(), CStr::as_ptr)) })
    }

    /// Calls a function of one text.
    pub fn call_1(&self, name: &CStr, text: &CStr) -> Result<(), String> {
        self.call_0_or_1(name, Some(text))
    }

    /// Calls a function of two texts, of which the first may be NULL.
    pub fn call_2(&self, name: &CStr, first: Option<&CStr>, second: &CStr) -> Result<(), String> {
        let function = self.find(name)?;
        // SAFETY: the header of libhostlock declares it so.
        let function = unsafe { mem::transmute::<*mut c_void, TwoTexts>(function) };
        // SAFETY: NULL or NUL-terminated.
        self.check(unsafe { function(first.map_or(ptr::null(), CStr::as_ptr), second.as_ptr()) })
    }

    /// The normal form of a host, or what is wrong with it.
    pub fn normalize(&self, host: &str) -> Result<String, String> {
        // HOSTLOCK_HOST_MAX
        let mut room = [0u8; 256];
        let text = CString::new(host).map_err(|_| "a NUL in a host")?;
        let function = self.find(c"hostlock_host_normalize")?;
        // SAFETY: the header of libhostlock declares it so.
        let function = unsafe { mem::transmute::<*mut c_void, Normalize>(function) };
        // SAFETY: the text ends in NUL, and the room is as large as is said.
        self.check(unsafe { function(text.as_ptr(), room.as_mut_ptr().cast(), room.len()) })?;
        let text = CStr::from_bytes_until_nul(&room).map_err(|_| "a host without an end")?;
        Ok(text.to_string_lossy().into_owned())
    }

    /// Registers who knows the hosts. Where another does already, that one stays.
    pub fn set_host_source(&self, ask: Ask, refused: Refused) -> Result<(), String> {
        let function = self.find(c"hostlock_seal_set_host_source")?;
        // SAFETY: the header of libhostlock declares it so.
        let function = unsafe { mem::transmute::<*mut c_void, SetHostSource>(function) };
        // SAFETY: the initialiser is never unloaded while the library may call it.
        match unsafe { function(Some(ask), Some(refused), ptr::null_mut()) } {
            E_STATE => Ok(()),
            status => self.check(status),
        }
    }

    fn find(&self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: the handle is open; the name is NUL-terminated.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if found.is_null() { Err(format!("libhostlock has no {}", name.to_string_lossy())) } else { Ok(found) }
    }

    fn check(&self, status: c_int) -> Result<(), String> {
        if status == 0 {
            return Ok(());
        }
        let (last, message) = (self.find(c"hostlock_last_error")?, self.find(c"hostlock_error_message")?);
        // SAFETY: the header of libhostlock declares them so.
        let (last, message) = unsafe {
            (mem::transmute::<*mut c_void, LastError>(last), mem::transmute::<*mut c_void, Message>(message))
        };
        // SAFETY: the message of this thread's last error is NUL-terminated, and lives until the next one.
        Err(unsafe { CStr::from_ptr(message(last())) }.to_string_lossy().into_owned())
    }
}

fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(own) = own_path() {
        let directory = own.parent().unwrap_or(Path::new("."));
        // Installed it lies in LIBDIR/hostlock, and in a build tree beside libhostlock.so.
        places.push(directory.join("..").join(SONAME));
        places.push(directory.join(SONAME));
        places.push(directory.join("libhostlock.so"));
    }
    places.push(PathBuf::from(SONAME));
    places
}

fn own_path() -> Option<PathBuf> {
    // SAFETY: all-zero bytes are an empty answer.
    let mut info: libc::Dl_info = unsafe { mem::zeroed() };
    // SAFETY: the loader only compares the address.
    if unsafe { libc::dladdr(places as *const c_void, &mut info) } == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated path that lives as long as this library is loaded.
    let path = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(path.to_bytes())))
}
