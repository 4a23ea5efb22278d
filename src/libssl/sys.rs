//! The OpenSSL declarations that `openssl-sys` lacks, and only those. Nothing here decides anything.
#![allow(missing_docs, non_camel_case_types)]

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

use libc::time_t;
use openssl_sys::*;

pub enum X509_LOOKUP {}
pub enum X509_PUBKEY {}
pub enum X509_LOOKUP_METHOD {}

/// How libcrypto describes its own types (`openssl/asn1t.h`).
#[repr(C)]
pub struct ASN1_ITEM {
    pub itype: c_char,
    pub utype: c_long,
    pub templates: *const ASN1_TEMPLATE,
    pub tcount: c_long,
    pub funcs: *const c_void,
    pub size: c_long,
    pub sname: *const c_char,
}

/// One field of such a type.
#[repr(C)]
pub struct ASN1_TEMPLATE {
    pub flags: c_ulong,
    pub tag: c_long,
    pub offset: c_ulong,
    pub field_name: *const c_char,
    pub item: Option<unsafe extern "C" fn() -> *const ASN1_ITEM>,
}

pub const ASN1_ITYPE_SEQUENCE: c_char = 1;
pub const ASN1_TFLG_EMBED: c_ulong = 1 << 12;
pub enum X509_CINF {}

pub type CertVerifyCallback = unsafe extern "C" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int;
/// What checks the signatures and dates of a chain that is complete.
pub type VerifyChain = unsafe extern "C" fn(*mut X509_STORE_CTX) -> c_int;
pub type VerifyCallback = unsafe extern "C" fn(c_int, *mut X509_STORE_CTX) -> c_int;
#[cfg(ossl400)]
pub type TakesText = unsafe extern "C" fn(*const c_char, usize) -> c_int;
#[cfg(ossl400)]
pub type TakesOctets = unsafe extern "C" fn(*const c_uchar, usize) -> c_int;
pub type GetIssuer = unsafe extern "C" fn(*mut *mut X509, *mut X509_STORE_CTX, *mut X509) -> c_int;
pub type CheckIssued = unsafe extern "C" fn(*mut X509_STORE_CTX, *mut X509, *mut X509) -> c_int;
pub type LookupCrls = unsafe extern "C" fn(*const X509_STORE_CTX, *const X509_NAME) -> *mut stack_st_X509_CRL;
pub type LookupCerts = unsafe extern "C" fn(*mut X509_STORE_CTX, *const X509_NAME) -> *mut stack_st_X509;
pub type ClientCertCallback = unsafe extern "C" fn(*mut SSL, *mut *mut X509, *mut *mut EVP_PKEY) -> c_int;
pub type InfoCallback = unsafe extern "C" fn(*const SSL, c_int, c_int);
pub type KeylogCallback = unsafe extern "C" fn(*const SSL, *const c_char);
pub type TicketKeyCallback = unsafe extern "C" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut HMAC_CTX,
    c_int,
) -> c_int;
pub type TicketMadeCallback = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type TicketOpenedCallback =
    unsafe extern "C" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, usize, c_int, *mut c_void) -> c_int;
pub type StatusCallback = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type SecurityCallback =
    unsafe extern "C" fn(*const SSL, *const SSL_CTX, c_int, c_int, c_int, *mut c_void, *mut c_void) -> c_int;

pub const SSL_CB_LOOP: c_int = 0x01;
pub const SSL_CB_HANDSHAKE_START: c_int = 0x10;
pub const SSL_CB_HANDSHAKE_DONE: c_int = 0x20;
pub const SSL_CB_CONNECT_EXIT: c_int = 0x1002;
pub const SSL_CB_ACCEPT_EXIT: c_int = 0x2002;
pub const SSL_CB_READ_ALERT: c_int = 0x4004;
pub const SSL_CB_WRITE_ALERT: c_int = 0x4008;

pub const SSL_CTRL_GET_TLSEXT_STATUS_REQ_CB: c_int = 128;

/// `SSL_get_state`: nothing has been sent; the handshake is complete; a client's hello was sent, no server hello has come.
pub const TLS_ST_BEFORE: c_int = 0;
pub const TLS_ST_OK: c_int = 1;
pub const TLS_ST_CW_CLNT_HELLO: c_int = 12;
/// The same since OpenSSL 3.2, which has compressed certificates before it.
pub const TLS_ST_CW_CLNT_HELLO_3_2: c_int = 13;
/// As `OpenSSL_version_num` has it.
pub const OPENSSL_3_2: i64 = 0x3020_0000;

pub const SSL_NOTHING: c_int = 1;
pub const SSL_WRITING: c_int = 2;
pub const SSL_READING: c_int = 3;
pub const SSL_CTRL_GET_CLIENT_CERT_TYPES: c_int = 103;
pub const SSL_CTRL_CLEAR_MODE: c_int = 78;
pub const SSL_CTRL_GET_NEGOTIATED_GROUP: c_int = 134;

pub const BIO_TYPE_DESCRIPTOR: c_int = 0x0100;
pub const BIO_TYPE_SOURCE_SINK: c_int = 0x0400;
pub const BIO_C_GET_FD: c_int = 105;
/// What `SSL_set_fd` gives a connection.
pub const BIO_TYPE_SOCKET: c_int = 5 | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR;

pub const SSL_CTRL_GET_VERIFY_CERT_STORE: c_int = 137;
pub const SSL_CTRL_GET_SESS_CACHE_MODE: c_int = 45;
pub const SSL_CTRL_GET_CHAIN_CERTS: c_int = 115;
pub const SSL_CTRL_SET_CURRENT_CERT: c_int = 117;
pub const SSL_CERT_SET_FIRST: c_long = 1;
pub const SSL_CERT_SET_NEXT: c_long = 2;

pub const SSL_SECOP_OTHER_TYPE: c_int = 0xffff_0000_u32 as c_int;
pub const SSL_SECOP_OTHER_CIPHER: c_int = 1 << 16;
pub const SSL_SECOP_CIPHER_SUPPORTED: c_int = 1 | SSL_SECOP_OTHER_CIPHER;
pub const SSL_SECOP_CURVE_SUPPORTED: c_int = 4 | (2 << 16);
pub const SSL_SECOP_SIGALG_SUPPORTED: c_int = 11 | (5 << 16);
pub const SSL_SECOP_SIGALG_MASK: c_int = 14 | (5 << 16);
pub const SSL_SECOP_VERSION: c_int = 9;
pub const SSL_SECOP_TICKET: c_int = 10;
pub const SSL_SECOP_COMPRESSION: c_int = 15;
pub const SSL_SECOP_SIGALG_CHECK: c_int = 13 | (5 << 16);

pub const ERR_LIB_SSL: c_int = 20;
pub const SSL_R_CERTIFICATE_VERIFY_FAILED: c_int = 134;
pub const NID_TLSFEATURE: c_int = 1020;

pub const NID_ANY_POLICY: c_int = 746;

pub const CRYPTO_EX_INDEX_X509_STORE: c_int = 4;

/// The parts of a cipher suite, as SSL_CIPHER_get_kx_nid and SSL_CIPHER_get_auth_nid name them.
pub const NID_MD5: c_int = 4;
pub const NID_RC4: c_int = 5;
pub const NID_DES_CBC: c_int = 31;
pub const NID_IDEA_CBC: c_int = 34;
pub const NID_RC2_CBC: c_int = 37;
pub const NID_DES_EDE3_CBC: c_int = 44;
#[cfg(any(test, feature = "internals"))]
pub const NID_KX_RSA: c_int = 1037;
pub const NID_KX_ECDHE: c_int = 1038;
pub const NID_KX_DHE: c_int = 1039;
pub const NID_KX_ECDHE_PSK: c_int = 1040;
pub const NID_KX_DHE_PSK: c_int = 1041;
pub const NID_KX_RSA_PSK: c_int = 1042;
pub const NID_KX_PSK: c_int = 1043;
pub const NID_KX_SRP: c_int = 1044;
pub const NID_KX_ANY: c_int = 1063;
pub const NID_AUTH_PSK: c_int = 1048;
pub const NID_AUTH_SRP: c_int = 1052;
pub const NID_AUTH_NULL: c_int = 1053;

pub const X509_TRUST_SSL_CLIENT: c_int = 2;
pub const X509_TRUST_SSL_SERVER: c_int = 3;
pub const CRYPTO_EX_INDEX_X509_STORE_CTX: c_int = 5;

pub type PskClientCallback = unsafe extern "C" fn(
    *mut SSL,
    hint: *const c_char,
    identity: *mut c_char,
    max_identity_len: c_uint,
    psk: *mut c_uchar,
    max_psk_len: c_uint,
) -> c_uint;
pub type PskUseSessionCallback = unsafe extern "C" fn(
    *mut SSL,
    digest: *const EVP_MD,
    identity: *mut *const c_uchar,
    identity_len: *mut usize,
    session: *mut *mut SSL_SESSION,
) -> c_int;

unsafe extern "C" {
    pub fn SSL_CTX_set_cert_verify_callback(ctx: *mut SSL_CTX, cb: Option<CertVerifyCallback>, arg: *mut c_void);
    pub fn SSL_CTX_set_security_callback(ctx: *mut SSL_CTX, cb: Option<SecurityCallback>);
    pub fn SSL_CTX_get_security_callback(ctx: *const SSL_CTX) -> Option<SecurityCallback>;
    pub fn SSL_set_security_callback(ssl: *mut SSL, cb: Option<SecurityCallback>);
    pub fn SSL_set_security_level(ssl: *mut SSL, level: c_int);
    pub fn SSL_CTX_dane_enable(ctx: *mut SSL_CTX) -> c_int;
    pub fn SSL_dane_enable(ssl: *mut SSL, base_domain: *const c_char) -> c_int;
    pub fn SSL_get0_dane(ssl: *mut SSL) -> *mut c_void;
    pub fn SSL_dane_tlsa_add(
        ssl: *mut SSL,
        usage: u8,
        selector: u8,
        matching_type: u8,
        data: *const c_uchar,
        len: usize,
    ) -> c_int;
    pub fn SSL_get_security_callback(ssl: *const SSL) -> Option<SecurityCallback>;
    pub fn SSL_CTX_set_info_callback(ctx: *mut SSL_CTX, cb: Option<InfoCallback>);
    pub fn SSL_CTX_get_info_callback(ctx: *const SSL_CTX) -> Option<InfoCallback>;
    pub fn SSL_set_info_callback(ssl: *mut SSL, cb: Option<InfoCallback>);
    pub fn SSL_get_info_callback(ssl: *const SSL) -> Option<InfoCallback>;

    pub fn SSL_CTX_get_verify_callback(ctx: *const SSL_CTX) -> Option<VerifyCallback>;
    pub fn SSL_CTX_set_keylog_callback(ctx: *mut SSL_CTX, callback: Option<KeylogCallback>);
    pub fn SSL_CTX_get_keylog_callback(ctx: *const SSL_CTX) -> Option<KeylogCallback>;
    pub fn SSL_CTX_get_quiet_shutdown(ctx: *const SSL_CTX) -> c_int;
    pub fn SSL_get_quiet_shutdown(ssl: *const SSL) -> c_int;
    pub fn SSL_CTX_get_ciphers(ctx: *const SSL_CTX) -> *mut stack_st_SSL_CIPHER;
    pub fn SSL_CIPHER_get_kx_nid(cipher: *const SSL_CIPHER) -> c_int;
    pub fn SSL_CIPHER_get_auth_nid(cipher: *const SSL_CIPHER) -> c_int;
    pub fn SSL_CIPHER_is_aead(cipher: *const SSL_CIPHER) -> c_int;

    pub fn SSL_CTX_use_cert_and_key(
        ctx: *mut SSL_CTX,
        certificate: *mut X509,
        key: *mut EVP_PKEY,
        chain: *mut stack_st_X509,
        replace: c_int,
    ) -> c_int;
    pub fn SSL_CTX_set0_CA_list(ctx: *mut SSL_CTX, names: *mut stack_st_X509_NAME);
    pub fn SSL_set0_CA_list(ssl: *mut SSL, names: *mut stack_st_X509_NAME);
    pub fn SSL_verify_client_post_handshake(ssl: *mut SSL) -> c_int;
    pub fn SSL_key_update(ssl: *mut SSL, updatetype: c_int) -> c_int;
    pub fn SSL_get_key_update_type(ssl: *const SSL) -> c_int;
    pub fn BIO_number_read(bio: *mut BIO) -> u64;
    pub fn BIO_number_written(bio: *mut BIO) -> u64;
    pub fn SSL_use_cert_and_key(
        ssl: *mut SSL,
        certificate: *mut X509,
        key: *mut EVP_PKEY,
        chain: *mut stack_st_X509,
        replace: c_int,
    ) -> c_int;
    pub fn SSL_certs_clear(ssl: *mut SSL);
    pub fn OPENSSL_cleanse(at: *mut c_void, len: usize);

    pub fn SSL_CTX_get_ssl_method(ctx: *const SSL_CTX) -> *const SSL_METHOD;
    pub fn SSL_get_options(ssl: *const SSL) -> u64;
    pub fn SSL_CTX_set_verify(ctx: *mut SSL_CTX, mode: c_int, callback: Option<VerifyCallback>);
    pub fn SSL_CTX_set_ssl_version(ctx: *mut SSL_CTX, method: *const SSL_METHOD) -> c_int;
    pub fn SSL_set_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_clear_options(ssl: *mut SSL, options: u64) -> u64;

    pub fn SSL_set_psk_client_callback(ssl: *mut SSL, cb: Option<PskClientCallback>);
    pub fn SSL_set_psk_use_session_callback(ssl: *mut SSL, cb: Option<PskUseSessionCallback>);
    pub fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, seconds: c_long) -> c_long;
    pub fn SSL_CTX_set_session_ticket_cb(
        ctx: *mut SSL_CTX,
        made: Option<TicketMadeCallback>,
        opened: Option<TicketOpenedCallback>,
        argument: *mut c_void,
    ) -> c_int;
    pub fn SSL_SESSION_get0_peer(session: *mut SSL_SESSION) -> *mut X509;
    pub fn SSL_SESSION_set1_ticket_appdata(session: *mut SSL_SESSION, data: *const c_void, len: usize) -> c_int;
    pub fn SSL_SESSION_get0_ticket_appdata(session: *mut SSL_SESSION, data: *mut *mut c_void, len: *mut usize) -> c_int;
    pub fn SSL_SESSION_set_timeout(session: *mut SSL_SESSION, seconds: c_long) -> c_long;
    pub fn SSL_CTX_set_num_tickets(ctx: *mut SSL_CTX, count: usize) -> c_int;
    pub fn SSL_set_num_tickets(ssl: *mut SSL, count: usize) -> c_int;
    pub fn SSL_SESSION_dup(session: *mut SSL_SESSION) -> *mut SSL_SESSION;
    pub fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int;
    pub fn SSL_SESSION_get_ticket_lifetime_hint(session: *const SSL_SESSION) -> c_ulong;
    pub fn SSL_SESSION_get0_cipher(session: *const SSL_SESSION) -> *const SSL_CIPHER;
    #[cfg(test)]
    pub fn SSL_SESSION_new() -> *mut SSL_SESSION;
    #[cfg(test)]
    pub fn SSL_SESSION_set_protocol_version(session: *mut SSL_SESSION, version: c_int) -> c_int;
    pub fn SSL_CTX_get_client_cert_cb(ctx: *mut SSL_CTX) -> Option<ClientCertCallback>;
    pub fn SSL_set_session_id_context(ssl: *mut SSL, context: *const c_uchar, len: c_uint) -> c_int;
    pub fn SSL_SESSION_set1_hostname(session: *mut SSL_SESSION, name: *const c_char) -> c_int;
    pub fn SSL_SESSION_set1_id_context(session: *mut SSL_SESSION, context: *const c_uchar, len: c_uint) -> c_int;
    pub fn SSL_SESSION_get0_id_context(session: *const SSL_SESSION, len: *mut c_uint) -> *const c_uchar;
    pub fn SSL_set_verify_result(ssl: *mut SSL, result: c_long);
    pub fn SSL_get_verify_callback(ssl: *const SSL) -> Option<VerifyCallback>;
    pub fn SSL_want(ssl: *const SSL) -> c_int;
    pub fn SSL_in_before(ssl: *const SSL) -> c_int;
    pub fn SSL_get_state(ssl: *const SSL) -> c_int;
    pub fn SSL_get_ciphers(ssl: *const SSL) -> *mut stack_st_SSL_CIPHER;
    pub fn SSL_get_sigalgs(
        ssl: *mut SSL,
        index: c_int,
        signature: *mut c_int,
        hash: *mut c_int,
        both: *mut c_int,
        raw_signature: *mut c_uchar,
        raw_hash: *mut c_uchar,
    ) -> c_int;
    pub fn SSL_get_rfd(ssl: *const SSL) -> c_int;
    pub fn SSL_get_wfd(ssl: *const SSL) -> c_int;
    pub fn SSL_get_read_ahead(ssl: *const SSL) -> c_int;
    pub fn SSL_has_pending(ssl: *const SSL) -> c_int;
    pub fn SSL_set_read_ahead(ssl: *mut SSL, on: c_int);
    pub fn SSL_group_to_name(ssl: *mut SSL, id: c_int) -> *const c_char;

    pub fn X509_STORE_CTX_set0_verified_chain(ctx: *mut X509_STORE_CTX, chain: *mut stack_st_X509);
    pub fn X509_STORE_CTX_set_error_depth(ctx: *mut X509_STORE_CTX, depth: c_int);
    pub fn X509_STORE_CTX_set_ex_data(ctx: *mut X509_STORE_CTX, index: c_int, data: *mut c_void) -> c_int;
    pub fn X509_STORE_CTX_set0_trusted_stack(ctx: *mut X509_STORE_CTX, trusted: *mut stack_st_X509);
    pub fn X509_STORE_CTX_get_lookup_crls(ctx: *const X509_STORE_CTX) -> Option<LookupCrls>;
    pub fn X509_STORE_CTX_get_lookup_certs(ctx: *const X509_STORE_CTX) -> Option<LookupCerts>;
    pub fn X509_STORE_get0_param(store: *const X509_STORE) -> *mut X509_VERIFY_PARAM;
    pub fn X509_get0_pubkey_bitstr(certificate: *const X509) -> *mut ASN1_BIT_STRING;
    pub fn ASN1_STRING_cmp(one: *const ASN1_STRING, other: *const ASN1_STRING) -> c_int;
    pub fn X509_cmp_time(time: *const ASN1_TIME, seconds: *mut time_t) -> c_int;
    pub fn X509_check_private_key(certificate: *const X509, key: *const EVP_PKEY) -> c_int;
    pub fn X509_get_signature_info(
        certificate: *mut X509,
        digest: *mut c_int,
        key: *mut c_int,
        bits: *mut c_int,
        flags: *mut u32,
    ) -> c_int;
    pub fn X509_check_issued(issuer: *mut X509, subject: *mut X509) -> c_int;
    pub fn X509_self_signed(certificate: *mut X509, verify_signature: c_int) -> c_int;
    pub fn X509_STORE_CTX_get_verify(ctx: *const X509_STORE_CTX) -> Option<VerifyChain>;
    pub fn X509_STORE_CTX_set_verify(ctx: *mut X509_STORE_CTX, function: Option<VerifyChain>);
    pub fn X509_get0_pubkey(certificate: *const X509) -> *mut EVP_PKEY;
    pub fn EVP_PKEY_get0_provider(key: *const EVP_PKEY) -> *const OSSL_PROVIDER;
    pub fn OSSL_PROVIDER_get0_name(provider: *const OSSL_PROVIDER) -> *const c_char;
    pub fn X509_STORE_CTX_set_verify_cb(ctx: *mut X509_STORE_CTX, cb: Option<VerifyCallback>);
    pub fn X509_STORE_CTX_set0_param(ctx: *mut X509_STORE_CTX, param: *mut X509_VERIFY_PARAM);
    pub fn X509_STORE_CTX_get0_param(ctx: *const X509_STORE_CTX) -> *mut X509_VERIFY_PARAM;
    pub fn X509_STORE_CTX_get1_crls(ctx: *const X509_STORE_CTX, name: *const X509_NAME) -> *mut stack_st_X509_CRL;
    pub fn X509_STORE_CTX_get0_store(ctx: *const X509_STORE_CTX) -> *mut X509_STORE;
    pub fn X509_STORE_CTX_get0_untrusted(ctx: *const X509_STORE_CTX) -> *mut stack_st_X509;
    pub fn X509_STORE_CTX_get0_cert(ctx: *const X509_STORE_CTX) -> *mut X509;
    pub fn X509_STORE_CTX_get0_parent_ctx(ctx: *const X509_STORE_CTX) -> *mut X509_STORE_CTX;
    pub fn X509_STORE_CTX_set0_crls(ctx: *mut X509_STORE_CTX, crls: *mut stack_st_X509_CRL);
    pub fn X509_STORE_CTX_get0_current_crl(ctx: *const X509_STORE_CTX) -> *mut X509_CRL;

    pub fn X509_VERIFY_PARAM_get0_host(param: *mut X509_VERIFY_PARAM, index: c_int) -> *mut c_char;
    pub fn X509_VERIFY_PARAM_set1_email(param: *mut X509_VERIFY_PARAM, email: *const c_char, len: usize) -> c_int;
    pub fn X509_VERIFY_PARAM_get0_email(param: *mut X509_VERIFY_PARAM) -> *mut c_char;
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_rfc822(param: *mut X509_VERIFY_PARAM, email: *const c_char, len: usize) -> c_int;
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_smtputf8(param: *mut X509_VERIFY_PARAM, email: *const c_char, len: usize) -> c_int;
    #[cfg(all(ossl400, test))]
    pub fn X509_VERIFY_PARAM_add1_rfc822(param: *mut X509_VERIFY_PARAM, email: *const c_char, len: usize) -> c_int;
    #[cfg(all(ossl400, test))]
    pub fn X509_VERIFY_PARAM_add1_ip(param: *mut X509_VERIFY_PARAM, octets: *const c_uchar, len: usize) -> c_int;
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_host_input_validation(param: *mut X509_VERIFY_PARAM, takes: Option<TakesText>);
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_rfc822_input_validation(param: *mut X509_VERIFY_PARAM, takes: Option<TakesText>);
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_smtputf8_input_validation(param: *mut X509_VERIFY_PARAM, takes: Option<TakesText>);
    #[cfg(ossl400)]
    pub fn X509_VERIFY_PARAM_set1_ip_input_validation(param: *mut X509_VERIFY_PARAM, takes: Option<TakesOctets>);
    pub fn X509_VERIFY_PARAM_get1_ip_asc(param: *mut X509_VERIFY_PARAM) -> *mut c_char;
    pub fn X509_VERIFY_PARAM_get_hostflags(param: *const X509_VERIFY_PARAM) -> c_uint;
    pub fn X509_VERIFY_PARAM_add0_policy(param: *mut X509_VERIFY_PARAM, policy: *mut ASN1_OBJECT) -> c_int;
    pub fn X509_VERIFY_PARAM_set1_policies(param: *mut X509_VERIFY_PARAM, policies: *mut OPENSSL_STACK) -> c_int;
    pub fn X509_check_purpose(certificate: *mut X509, purpose: c_int, ca: c_int) -> c_int;
    pub fn X509_check_ca(certificate: *mut X509) -> c_int;
    pub fn X509_get_extension_flags(certificate: *mut X509) -> u32;
    pub fn X509_get_key_usage(certificate: *mut X509) -> u32;
    pub fn X509_CRL_get_ext_by_critical(crl: *const X509_CRL, critical: c_int, behind: c_int) -> c_int;
    pub fn X509_REVOKED_get_ext_by_critical(entry: *const X509_REVOKED, critical: c_int, behind: c_int) -> c_int;
    pub fn X509_get0_trust_objects(certificate: *mut X509) -> *mut OPENSSL_STACK;
    pub fn X509_get0_reject_objects(certificate: *mut X509) -> *mut OPENSSL_STACK;
    pub fn X509_check_trust(certificate: *mut X509, trust: c_int, flags: c_int) -> c_int;
    pub fn X509_VERIFY_PARAM_set_trust(param: *mut X509_VERIFY_PARAM, trust: c_int) -> c_int;
    pub fn X509_VERIFY_PARAM_get_depth(param: *const X509_VERIFY_PARAM) -> c_int;

    pub fn X509_STORE_up_ref(store: *mut X509_STORE) -> c_int;
    pub fn X509_STORE_add_lookup(store: *mut X509_STORE, method: *mut X509_LOOKUP_METHOD) -> *mut X509_LOOKUP;
    pub fn X509_LOOKUP_hash_dir() -> *mut X509_LOOKUP_METHOD;
    pub fn X509_LOOKUP_ctrl(
        lookup: *mut X509_LOOKUP,
        command: c_int,
        text: *const c_char,
        number: c_long,
        answer: *mut *mut c_char,
    ) -> c_int;
    pub fn CRYPTO_set_ex_data(all: *mut CRYPTO_EX_DATA, index: c_int, data: *mut c_void) -> c_int;
    pub fn CRYPTO_get_ex_data(all: *const CRYPTO_EX_DATA, index: c_int) -> *mut c_void;
    pub fn X509_STORE_set_ex_data(store: *mut X509_STORE, index: c_int, data: *mut c_void) -> c_int;
    pub fn X509_STORE_get_ex_data(store: *const X509_STORE, index: c_int) -> *mut c_void;
    #[cfg(ossl400)]
    pub fn X509_STORE_get1_objects(store: *mut X509_STORE) -> *mut stack_st_X509_OBJECT;
    pub fn X509_STORE_set_get_issuer(store: *mut X509_STORE, function: Option<GetIssuer>);
    pub fn X509_STORE_set_check_issued(store: *mut X509_STORE, function: Option<CheckIssued>);
    pub fn X509_STORE_set_lookup_certs(store: *mut X509_STORE, function: Option<LookupCerts>);
    pub fn X509_STORE_CTX_get1_issuer(
        issuer: *mut *mut X509,
        ctx: *mut X509_STORE_CTX,
        certificate: *mut X509,
    ) -> c_int;
    pub fn X509_STORE_CTX_get1_certs(ctx: *mut X509_STORE_CTX, name: *const X509_NAME) -> *mut stack_st_X509;
    pub fn X509_STORE_lock(store: *mut X509_STORE) -> c_int;
    pub fn X509_STORE_unlock(store: *mut X509_STORE) -> c_int;
    pub fn X509_STORE_add_crl(store: *mut X509_STORE, crl: *mut X509_CRL) -> c_int;
    pub fn X509_STORE_get_get_issuer(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_lookup_certs(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_verify_cb(store: *const X509_STORE) -> Option<VerifyCallback>;
    pub fn X509_STORE_get_verify(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_check_issued(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_check_revocation(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_get_crl(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_check_crl(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_cert_crl(store: *const X509_STORE) -> *mut c_void;
    pub fn X509_STORE_get_check_policy(store: *const X509_STORE) -> *mut c_void;

    pub fn X509_VERIFY_PARAM_set1(to: *mut X509_VERIFY_PARAM, from: *const X509_VERIFY_PARAM) -> c_int;
    pub fn d2i_X509_AUX(to: *mut *mut X509, from: *mut *const c_uchar, len: c_long) -> *mut X509;
    pub fn d2i_X509_CRL(to: *mut *mut X509_CRL, from: *mut *const c_uchar, len: c_long) -> *mut X509_CRL;

    pub fn X509_it() -> *const ASN1_ITEM;
    pub fn X509_CINF_it() -> *const ASN1_ITEM;
    pub fn i2d_X509_CINF(signed: *const X509_CINF, der: *mut *mut c_uchar) -> c_int;
    pub fn i2d_X509_ALGOR(algorithm: *const X509_ALGOR, der: *mut *mut c_uchar) -> c_int;
    pub fn X509_get_X509_PUBKEY(certificate: *const X509) -> *mut X509_PUBKEY;
    pub fn i2d_X509_PUBKEY(key: *mut X509_PUBKEY, der: *mut *mut c_uchar) -> c_int;
    pub fn X509_NAME_get0_der(name: *const X509_NAME, der: *mut *const c_uchar, len: *mut usize) -> c_int;

    pub fn ERR_set_mark() -> c_int;
    pub fn ERR_pop_to_mark() -> c_int;

    pub fn BIO_get_new_index() -> c_int;
    pub fn BIO_push(bio: *mut BIO, append: *mut BIO) -> *mut BIO;
    pub fn BIO_find_type(bio: *mut BIO, kind: c_int) -> *mut BIO;
    pub fn BIO_test_flags(bio: *const BIO, flags: c_int) -> c_int;
    pub fn BIO_method_type(bio: *const BIO) -> c_int;
    pub fn BIO_up_ref(bio: *mut BIO) -> c_int;
    pub fn BIO_get_callback_ex(bio: *const BIO) -> *const c_void;
    pub fn SSL_set0_rbio(ssl: *mut SSL, bio: *mut BIO);
    pub fn SSL_set0_wbio(ssl: *mut SSL, bio: *mut BIO);
    pub fn BIO_meth_set_destroy(method: *mut BIO_METHOD, destroy: unsafe extern "C" fn(*mut BIO) -> c_int) -> c_int;
}
