use super::*;
use std::collections::BTreeSet;

fn names(what: &str) -> Vec<&'static str> {
    explain(what).iter().map(|entry| entry.name).collect()
}

#[test]
fn every_reason_is_explained_by_its_code_its_number_and_its_sentence() {
    for row in Cause::table() {
        let by_code = explain(row.code);
        let entry = by_code.first().expect(row.code);
        assert_eq!(entry.name, row.code);
        assert!(!entry.means.is_empty(), "{}", row.code);
        let number = format!("-0x{:04X}", row.mbedtls.unsigned_abs());
        assert!(names(&number).contains(&row.code), "{number}: {}", row.code);
        assert!(
            names(&number).contains(&number.as_str()),
            "{number} has no row"
        );
        // The log has Mbed TLS's name of it, which is the one of the document.
        let named = rows(ERRORS).find(|entry| entry.name == number);
        let name = tls_session::reason::mbedtls_text(row.mbedtls);
        assert!(
            named.is_some_and(|it| it.means.starts_with(name)),
            "{number} {name}"
        );
        let decimal = row.mbedtls.to_string();
        assert_eq!(names(&decimal), names(&number));
    }
}

#[test]
fn a_fixed_sentence_leads_to_its_code() {
    let sentences = Cause::table().filter(|row| !row.text.contains('{'));
    for row in sentences.filter(|row| row.text.split(' ').count() >= 3) {
        let found = names(row.text);
        assert!(found.contains(&row.code), "{}: {found:?}", row.text);
    }
}

const WHY: &str = r#"+SSLWHY:0,"certificate",-0x2700,0x00000008,1,"CN=A","CN=B","no chain to the loaded CA","issuer_unknown""#;

/// A line, and the first row about it.
const LINES: &[(&str, &str)] = &[
    (WHY, "issuer_unknown"),
    ("ERR CODE:0x010b0000", "0x010b0000"),
    ("ERR CODE:0x01060201", "0x0106"),
    ("ERR CODE:0x010a8001", "0x010a0000"),
    ("0x01090000", "0x01090000"),
    ("+CWJAP:2", "+CWJAP:2"),
    ("-9984", "-0x2700"),
    ("+ERRNO:-15616", "-0x3D00"),
    ("+ERRNO:8", "0x00000008"),
    ("0x00000204", "0x00000004"),
    (
        "E (1234) esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x7780",
        "-0x7780",
    ),
    ("mbedtls_ssl_handshake returned -0x2700, flags 8", "-0x2700"),
    ("MBEDTLS_ERR_X509_CERT_VERIFY_FAILED", "-0x2700"),
    ("E (99) esp-tls: open failed, error 0x8006", "0x8006"),
    ("0x801a", "0x801A"),
    ("0x00008000", "0x00008000"),
    (r#"+PKI:"client_ca","pem_not_image",0"#, "pem_not_image"),
    ("PEM text, not an image", "pem_not_image"),
    ("alert 112", "alert 112"),
    (
        "SSL routines::tlsv1 alert unknown ca:SSL alert number 48",
        "alert 48",
    ),
    ("received fatal alert: CertificateRequired", "alert 116"),
    ("is a fatal alert message (msg 40)", "alert 40"),
    ("*** Received alert [51]: Decrypt error", "alert 51"),
    ("server alert: unknown PSK identity (115)", "alert 115"),
    ("several_certificates", "several_certificates"),
    ("NO CA FOUND", "NO CA FOUND"),
    ("busy p...", "busy p..."),
    (
        "  ! The certificate is not correctly signed by the trusted CA",
        "is not correctly signed by the trusted CA",
    ),
    ("MBEDTLS_X509_BADCERT_NOT_TRUSTED", "0x00000008"),
    ("it fails with BADCERT_CN_MISMATCH for google", "0x00000004"),
    ("start_ssl_client: -9984", "-0x2700"),
    ("mbedtls_pk_parse_keyfile returned -0x3D20", "-0x3D00"),
    ("mbedtls_x509_crt_parse returned -0x112c", "-0x1100"),
    ("mbedtls_ssl_setup res=FFFF8100", "-0x7F00"),
    ("mbedtls_pk_parse_key ERROR 0xFFFFC300", "-0x3D00"),
];

#[test]
fn lines_of_both_modems_and_their_logs_are_read() {
    for (line, first) in LINES {
        assert_eq!(
            names(line).first(),
            Some(first),
            "{line}: {:?}",
            names(line)
        );
    }
    // The number of the layer below has its row, too.
    assert_eq!(names("-0x3D62"), ["-0x3D00", "-0x0062"]);
    assert_eq!(names("0x112C"), ["-0x1100", "-0x002C"]);
    for line in [
        "",
        "hello",
        "OK",
        "AT+CIPSTART",
        "AT+CIPSTART=\"TCP\",\"broker\",8883",
        "returned 5 (-0xfffffffb)",
        "64 bytes, 16 of 98",
    ] {
        assert!(names(line).is_empty(), "{line}: {:?}", names(line));
    }
}

/// The codes of the lint, as its source has them: none of them needs the source to be understood.
#[test]
fn every_finding_and_every_alert_with_a_hint_is_explained() {
    let sources = [
        include_str!("../../../cert-bin/src/lint/finding.rs"),
        include_str!("../../../cert-bin/src/image/warning.rs"),
        include_str!("../../../cert-bin/src/writer.rs"),
        include_str!("../../../cert-bin/src/content.rs"),
        include_str!("../../../cert-bin/src/public.rs"),
        include_str!("../../../partition-store/src/nvs/error.rs"),
        include_str!("../../../at-modem/src/flash/inventory.rs"),
    ];
    let code = |line: &'static str| {
        let (_, literal) = line.split_once("=> \"")?;
        let (word, rest) = literal.split_once('"')?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        (word.chars().all(plain) && rest == ",").then_some(word)
    };
    let codes: BTreeSet<&str> = sources
        .iter()
        .flat_map(|it| it.lines().filter_map(code))
        .collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert_eq!(names(code).first(), Some(&code), "{code}");
    }
    for number in 0..=u8::MAX {
        let text = tls_session::reason::StreamError::PeerAlert(number).to_string();
        let hinted = text.matches(": ").count() > 1;
        let found = names(&text).first() == Some(&format!("alert {number}").as_str());
        assert!(found || !hinted, "{text}");
    }
}

/// Names and numbers of Mbed TLS, from its headers: `include/mbedtls/{pem,x509,pk,rsa,ecp,ssl,asn1,base64}.h` of 3.6 and,
/// behind a bar, of 2.28.
const MBEDTLS: &str = "
    1080 PEM_NO_HEADER_FOOTER_PRESENT; 1100 PEM_INVALID_DATA; 1180 PEM_ALLOC_FAILED; 1200 PEM_INVALID_ENC_IV;
    1280 PEM_UNKNOWN_ENC_ALG; 1300 PEM_PASSWORD_REQUIRED; 1380 PEM_PASSWORD_MISMATCH; 1400 PEM_FEATURE_UNAVAILABLE;
    1480 PEM_BAD_INPUT_DATA; 2080 X509_FEATURE_UNAVAILABLE; 2100 X509_UNKNOWN_OID; 2180 X509_INVALID_FORMAT;
    2200 X509_INVALID_VERSION; 2280 X509_INVALID_SERIAL; 2300 X509_INVALID_ALG; 2380 X509_INVALID_NAME;
    2400 X509_INVALID_DATE; 2480 X509_INVALID_SIGNATURE; 2500 X509_INVALID_EXTENSIONS; 2580 X509_UNKNOWN_VERSION;
    2600 X509_UNKNOWN_SIG_ALG; 2680 X509_SIG_MISMATCH; 2700 X509_CERT_VERIFY_FAILED; 2780 X509_CERT_UNKNOWN_FORMAT;
    2800 X509_BAD_INPUT_DATA; 2880 X509_ALLOC_FAILED; 2900 X509_FILE_IO_ERROR; 2980 X509_BUFFER_TOO_SMALL;
    3000 X509_FATAL_ERROR; 3880 PK_BUFFER_TOO_SMALL; 3900 PK_SIG_LEN_MISMATCH; 3980 PK_FEATURE_UNAVAILABLE;
    3A00 PK_UNKNOWN_NAMED_CURVE; 3A80 PK_INVALID_ALG; 3B00 PK_INVALID_PUBKEY; 3B80 PK_PASSWORD_MISMATCH;
    3C00 PK_PASSWORD_REQUIRED; 3C80 PK_UNKNOWN_PK_ALG; 3D00 PK_KEY_INVALID_FORMAT; 3D80 PK_KEY_INVALID_VERSION;
    3E00 PK_FILE_IO_ERROR; 3E80 PK_BAD_INPUT_DATA; 3F00 PK_TYPE_MISMATCH; 3F80 PK_ALLOC_FAILED;
    4080 RSA_BAD_INPUT_DATA; 4100 RSA_INVALID_PADDING; 4200 RSA_KEY_CHECK_FAILED; 4280 RSA_PUBLIC_FAILED;
    4300 RSA_PRIVATE_FAILED; 4380 RSA_VERIFY_FAILED; 4C80 ECP_INVALID_KEY; 4D80 ECP_ALLOC_FAILED;
    4E00 ECP_VERIFY_FAILED; 4E80 ECP_FEATURE_UNAVAILABLE; 4F80 ECP_BAD_INPUT_DATA; 6600 SSL_ILLEGAL_PARAMETER;
    6800 SSL_TIMEOUT; 6880 SSL_WANT_WRITE; 6900 SSL_WANT_READ; 6A00 SSL_BUFFER_TOO_SMALL; 6B80 SSL_COUNTER_WRAPPING;
    6C00 SSL_INTERNAL_ERROR; 6C80 SSL_UNKNOWN_IDENTITY; 6D00 SSL_PK_TYPE_MISMATCH;
    6E00 SSL_HANDSHAKE_FAILURE|BAD_HS_NEW_SESSION_TICKET; 6E80 SSL_BAD_PROTOCOL_VERSION|BAD_HS_PROTOCOL_VERSION;
    7080 SSL_FEATURE_UNAVAILABLE; 7100 SSL_BAD_INPUT_DATA; 7180 SSL_INVALID_MAC; 7200 SSL_INVALID_RECORD;
    7280 SSL_CONN_EOF; 7300 SSL_DECODE_ERROR|SSL_UNKNOWN_CIPHER; 7400 SSL_NO_RNG; 7480 SSL_NO_CLIENT_CERTIFICATE;
    7500 SSL_UNSUPPORTED_EXTENSION|CERTIFICATE_TOO_LARGE; 7580 NO_APPLICATION_PROTOCOL|SSL_CERTIFICATE_REQUIRED;
    7600 SSL_PRIVATE_KEY_REQUIRED; 7680 SSL_CA_CHAIN_REQUIRED; 7700 SSL_UNEXPECTED_MESSAGE;
    7780 SSL_FATAL_ALERT_MESSAGE; 7800 SSL_UNRECOGNIZED_NAME|PEER_VERIFY_FAILED; 7880 SSL_PEER_CLOSE_NOTIFY;
    7900 SSL_BAD_HS_CLIENT_HELLO; 7980 SSL_BAD_HS_SERVER_HELLO; 7A00 SSL_BAD_CERTIFICATE|BAD_HS_CERTIFICATE;
    7A80 SSL_BAD_HS_CERTIFICATE_REQUEST; 7B00 RECEIVED_NEW_SESSION_TICKET|SSL_BAD_HS_SERVER_KEY_EXCHANGE;
    7D80 SSL_BAD_HS_CERTIFICATE_VERIFY; 7E80 CACHE_ENTRY_NOT_FOUND|SSL_BAD_HS_FINISHED; 7F00 SSL_ALLOC_FAILED;
    7F80 SSL_HW_ACCEL_FAILED; 7380 SSL_NO_CIPHER_CHOSEN; 6980 SSL_NO_USABLE_CIPHERSUITE;
    0042 NET_SOCKET_FAILED; 0044 NET_CONNECT_FAILED; 0046 NET_BIND_FAILED; 0048 NET_LISTEN_FAILED;
    004A NET_ACCEPT_FAILED; 004C NET_RECV_FAILED; 004E NET_SEND_FAILED; 0050 NET_CONN_RESET; 0052 NET_UNKNOWN_HOST;
    0004 MPI_BAD_INPUT_DATA; 000E MPI_NOT_ACCEPTABLE; 0010 MPI_ALLOC_FAILED; 002A BASE64_BUFFER_TOO_SMALL;
    002C BASE64_INVALID_CHARACTER; 002E OID_NOT_FOUND; 0060 ASN1_OUT_OF_DATA; 0062 ASN1_UNEXPECTED_TAG;
    0064 ASN1_INVALID_LENGTH; 0066 ASN1_LENGTH_MISMATCH; 0068 ASN1_INVALID_DATA; 006A ASN1_ALLOC_FAILED;
    006C ASN1_BUF_TOO_SMALL";

#[test]
fn numbers_of_mbed_tls_have_its_names() {
    let mut known = BTreeSet::new();
    for entry in MBEDTLS.split(';').map(str::trim) {
        let (number, names) = entry.split_once(' ').unwrap();
        let number = format!("-0x{number}");
        let row = rows(ERRORS).find(|row| row.name == number);
        let means = row.unwrap_or_else(|| panic!("{entry}")).means;
        for name in names.split('|') {
            assert!(means.contains(name), "{entry}: {means}");
        }
        known.insert(number);
    }
    for row in rows(ERRORS).filter(|row| row.name.starts_with("-0x")) {
        assert!(known.contains(row.name), "{row:?}");
    }
}

#[test]
fn no_name_of_the_second_document_stands_twice() {
    let mut seen = BTreeSet::new();
    for entry in rows(ERRORS) {
        assert!(seen.insert(entry.name), "{}", entry.name);
        assert!(
            !entry.means.is_empty() && !entry.todo.is_empty(),
            "{entry:?}"
        );
    }
}

#[test]
fn no_markup_of_links_is_printed() {
    let cells = all().flat_map(|entry| [entry.means, entry.todo]);
    let wrong: Vec<_> = cells.filter(|cell| cell.contains("](")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for (code, words) in [
        ("0x010c0000", "docs/commands.md"),
        ("peer_alert", "TLS alerts in docs/at-errors.md"),
        ("FAIL", "the table of +CWJAP"),
    ] {
        assert!(
            explain(code).iter().any(|it| it.todo.contains(words)),
            "{code}"
        );
    }
}
