//! A second copy of libssl in the process is found out before anything is mixed.

use std::ffi::{CStr, CString, c_void};

use hostlock::error::Status;
use hostlock::ffi::errors::{hostlock_error_message, hostlock_last_error};
use hostlock::ffi::library::hostlock_check_libssl;

/// The path of the libssl that hostlock uses.
fn our_libssl() -> String {
    // SAFETY: an all-zero Dl_info is a valid place for dladdr to write to; TLS_method takes no arguments.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        assert_ne!(libc::dladdr(openssl_sys::TLS_method().cast(), &mut info), 0);
        CStr::from_ptr(info.dli_fname).to_str().unwrap().to_owned()
    }
}

#[test]
fn the_same_libssl_is_accepted_and_a_second_copy_is_named() {
    // SAFETY: the pointers are only compared.
    unsafe {
        assert_eq!(hostlock_check_libssl(openssl_sys::TLS_method()), 0);
        assert_eq!(hostlock_check_libssl(openssl_sys::TLS_client_method()), 0);
        assert_eq!(hostlock_check_libssl(std::ptr::null()), Status::EArg.code());
        assert_eq!(hostlock_check_libssl([0u8; 8].as_ptr().cast()), Status::EForeignLibssl.code());
    }
    let copy = std::env::temp_dir().join(format!("libssl-copy-{}.so", std::process::id()));
    std::fs::copy(our_libssl(), &copy).unwrap();
    let path = CString::new(copy.to_str().unwrap()).unwrap();
    // SAFETY: a shared object of the system; its TLS_method has the signature that is given here.
    let status = unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        let symbol: *mut c_void = libc::dlsym(handle, c"TLS_method".as_ptr());
        let method: unsafe extern "C" fn() -> *const openssl_sys::SSL_METHOD = std::mem::transmute(symbol);
        hostlock_check_libssl(method())
    };
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(status, Status::EForeignLibssl.code());
    // SAFETY: the error was set by the call above, in this thread.
    let message = unsafe { CStr::from_ptr(hostlock_error_message(hostlock_last_error())) }.to_str().unwrap().to_owned();
    assert!(message.contains("libssl-copy-") && message.contains(&our_libssl()), "{message}");
}
