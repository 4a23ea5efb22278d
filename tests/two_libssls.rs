//! A second copy of libssl in the process is found out before anything is mixed.

use std::ffi::{CStr, CString, c_int, c_void};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::error::{Error, Status};
use hostlock::libssl::ours::{check_ctx, check_handle, check_method, check_shared, check_ssl};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use openssl_sys::{SSL, SSL_CTX, SSL_METHOD};
use support::pki::Recipe;

mod support;

/// A copy of the libssl that hostlock uses, loaded beside it, and the file that it came from.
struct Copy {
    handle: *mut c_void,
    path: PathBuf,
}

impl Copy {
    fn load(name: &str) -> Copy {
        let path = std::env::temp_dir().join(format!("libssl-{name}-{}.so", std::process::id()));
        std::fs::copy(our_libssl(), &path).unwrap();
        let text = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a shared object of the system. Its calls among its own functions are to stay in it, as they do in
        // a program whose second copy has names or versions of its own.
        let handle = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_DEEPBIND) };
        assert!(!handle.is_null());
        Copy { handle, path }
    }

    fn method(&self) -> *const SSL_METHOD {
        // SAFETY: the signature is TLS_method's.
        unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const SSL_METHOD>(self.find(c"TLS_method"))()
        }
    }

    fn context(&self) -> *mut SSL_CTX {
        type New = unsafe extern "C" fn(*const SSL_METHOD) -> *mut SSL_CTX;
        // SAFETY: the signature is SSL_CTX_new's, and the method is of the same copy.
        let made = unsafe { std::mem::transmute::<*mut c_void, New>(self.find(c"SSL_CTX_new"))(self.method()) };
        assert!(!made.is_null());
        made
    }

    /// # Safety
    /// `ctx` is a live context of this copy.
    unsafe fn connection(&self, ctx: *mut SSL_CTX) -> *mut SSL {
        type New = unsafe extern "C" fn(*mut SSL_CTX) -> *mut SSL;
        // SAFETY: the signature is SSL_new's; the context as the caller promises.
        let made = unsafe { std::mem::transmute::<*mut c_void, New>(self.find(c"SSL_new"))(ctx) };
        assert!(!made.is_null());
        made
    }

    fn find(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the handle is open.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?}");
        symbol
    }

    fn assert_named(&self, error: &Error) {
        assert_eq!(error.status(), Status::EForeignLibssl);
        let (theirs, ours) = (format!("{:?}", self.path), format!("{:?}", our_libssl()));
        assert!(error.message().contains(&theirs) && error.message().contains(&ours), "{error}");
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // It stays loaded: OpenSSL's exit handlers are in it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The path of the libssl that hostlock uses.
fn our_libssl() -> String {
    // SAFETY: an all-zero Dl_info is a valid place for dladdr to write to; TLS_method takes no arguments.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        assert_ne!(libc::dladdr(openssl_sys::TLS_method().cast(), &mut info), 0);
        CStr::from_ptr(info.dli_fname).to_str().unwrap().to_owned()
    }
}

/// Where libssl is part of the program there is no file to copy.
fn linked_statically() -> bool {
    let path = our_libssl();
    let built_in = !Path::new(&path).file_name().unwrap().to_str().unwrap().starts_with("libssl");
    if built_in {
        println!("skipped: libssl is linked statically");
    }
    built_in
}

#[test]
fn methods_of_our_own_libssl_are_accepted_and_anything_else_is_not() {
    // SAFETY: no arguments.
    for method in unsafe { [openssl_sys::TLS_method(), openssl_sys::TLS_client_method(), openssl_sys::DTLS_method()] } {
        check_method(method).unwrap();
    }
    assert_eq!(check_method(std::ptr::null()).unwrap_err().status(), Status::EArg);
    let none = check_method(Box::leak(Box::new([0u8; 8])).as_ptr().cast()).unwrap_err();
    assert_eq!(none.status(), Status::EForeignLibssl);
    assert!(none.message().contains("does not belong to any libssl"), "{none}");
}

#[test]
fn contexts_and_connections_of_our_own_libssl_are_accepted_whatever_their_method_and_state() {
    for method in [SslMethod::tls(), SslMethod::tls_client(), SslMethod::tls_server(), SslMethod::dtls()] {
        let context = SslContext::builder(method).unwrap().build();
        let connection = Ssl::new(&context).unwrap();
        // SAFETY: both are live.
        unsafe {
            check_handle(context.as_ptr()).unwrap();
            check_handle(connection.as_ptr()).unwrap();
        }
    }
    let identity = Recipe::server("host.example", &["host.example"]).self_signed();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut server = SslContext::builder(SslMethod::tls_server()).unwrap();
        server.set_certificate(&identity.certificate).unwrap();
        server.set_private_key(&identity.key).unwrap();
        let server = Ssl::new(&server.build()).unwrap();
        let mut client = SslContext::builder(SslMethod::tls_client()).unwrap();
        client.set_max_proto_version(Some(version)).unwrap();
        let client = Ssl::new(&client.build()).unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        let accepting = thread::spawn(move || server.accept(far).unwrap());
        // SAFETY: they are live, and after their handshake: OpenSSL 3.0 has put the version's own method in place.
        unsafe {
            check_handle(client.connect(near).unwrap().ssl().as_ptr()).unwrap();
            check_handle(accepting.join().unwrap().ssl().as_ptr()).unwrap();
        }
    }
}

#[test]
fn contexts_of_the_program_are_taken_unless_the_libssl_is_hostlocks_own() {
    let context = SslContext::builder(SslMethod::tls()).unwrap().build();
    let connection = Ssl::new(&context).unwrap();
    // SAFETY: both are live.
    let answers = unsafe { [check_shared(), check_ctx(context.as_ptr()), check_ssl(connection.as_ptr())] };
    for answer in answers {
        if cfg!(feature = "private-libssl") {
            let error = answer.unwrap_err();
            assert_eq!(error.status(), Status::EUnsupported);
            assert!(error.message().contains("a libssl of its own"), "{error}");
        } else {
            answer.unwrap();
        }
    }
}

#[test]
fn null_is_an_argument_error_and_so_is_what_can_be_no_object() {
    let odd = std::ptr::without_provenance::<u8>(0x1001);
    // SAFETY: neither is dereferenced.
    let refusals = unsafe {
        [
            check_handle::<SSL_CTX>(std::ptr::null()),
            check_handle::<SSL>(std::ptr::null()),
            check_handle::<SSL_CTX>(odd.cast()),
            check_handle::<SSL>(odd.cast()),
        ]
    };
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().status(), Status::EArg);
    }
}

#[test]
fn a_second_copy_its_contexts_and_its_connections_are_named_with_both_paths() {
    if linked_statically() {
        return;
    }
    let copy = Copy::load("copy");
    copy.assert_named(&check_method(copy.method()).unwrap_err());
    let ctx = copy.context();
    // SAFETY: both objects are live and of this copy.
    let refusals = unsafe { [check_ctx(ctx), check_ssl(copy.connection(ctx))] };
    for refusal in refusals {
        copy.assert_named(&refusal.unwrap_err());
    }
}

#[test]
fn an_object_whose_libssl_keeps_its_method_elsewhere_is_told_apart_by_the_word_that_is_the_method() {
    if linked_statically() {
        return;
    }
    let copy = Copy::load("layouts");
    let heap = Box::leak(Box::new(0usize)) as *mut usize as usize;
    // SAFETY: the check reads four words, and these are four.
    let unloaded = unsafe { check_handle::<SSL_CTX>([heap, 0x304, heap, 0].as_ptr().cast()) }.unwrap_err();
    assert_eq!(unloaded.status(), Status::EForeignLibssl);
    assert!(unloaded.message().contains("does not belong to any libssl that is loaded now"), "{unloaded}");
    for place in 0..4 {
        for (method, ours) in [(copy.method().addr(), false), (SslMethod::tls().as_ptr().addr(), true)] {
            let mut words = [heap, 0x304, heap, 0];
            words[place] = method;
            // SAFETY: the check reads four words, and these are four.
            let answer = unsafe { check_ctx(words.as_ptr().cast()) };
            match answer {
                Ok(()) => assert!(ours, "place {place}"),
                Err(error) => {
                    assert!(!ours, "place {place}: {error}");
                    copy.assert_named(&error);
                }
            }
        }
    }
}

#[test]
fn the_default_library_context_before_the_method_is_not_taken_for_it() {
    if linked_statically() {
        return;
    }
    unsafe extern "C" {
        fn OSSL_LIB_CTX_get0_global_default() -> *mut c_void;
        fn SSL_CTX_new_ex(library: *mut c_void, properties: *const c_void, method: *const SSL_METHOD) -> *mut SSL_CTX;
    }
    type New = unsafe extern "C" fn(*mut c_void, *const c_void, *const SSL_METHOD) -> *mut SSL_CTX;
    let copy = Copy::load("library-context");
    // SAFETY: libcrypto is shared by both copies; each context is made by the copy that its method is of.
    unsafe {
        let library = OSSL_LIB_CTX_get0_global_default();
        let ours = SSL_CTX_new_ex(library, std::ptr::null(), openssl_sys::TLS_method());
        check_ctx(ours).unwrap();
        openssl_sys::SSL_CTX_free(ours);
        let theirs = std::mem::transmute::<*mut c_void, New>(copy.find(c"SSL_CTX_new_ex"));
        copy.assert_named(&check_ctx(theirs(library, std::ptr::null(), copy.method())).unwrap_err());
    }
}

#[test]
fn the_exports_answer_with_the_status_of_the_check() {
    use hostlock::ffi::context::{hostlock_ctx_free, hostlock_ctx_set_timeout};
    use hostlock::ffi::errors::{hostlock_error_message, hostlock_last_error};
    use hostlock::ffi::library::hostlock_check_libssl;

    // SAFETY: the pointer is only compared.
    let same: c_int = unsafe { hostlock_check_libssl(openssl_sys::TLS_client_method()) };
    assert_eq!(same, 0);
    if linked_statically() {
        return;
    }
    let copy = Copy::load("exports");
    let ctx = copy.context();
    // SAFETY: the context is live; what is not ours is not touched.
    unsafe {
        assert_eq!(hostlock_check_libssl(copy.method()), Status::EForeignLibssl.code());
        assert_eq!(hostlock_ctx_set_timeout(ctx, 1000), Status::EForeignLibssl.code());
        let message = CStr::from_ptr(hostlock_error_message(hostlock_last_error())).to_str().unwrap();
        assert!(message.starts_with("this SSL_CTX belongs to the libssl in"), "{message}");
        hostlock_ctx_free(ctx);
        copy.assert_named(&check_ctx(ctx).unwrap_err());
    }
}
