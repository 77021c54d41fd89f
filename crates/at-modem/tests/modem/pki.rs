//! `AT+PKI?`, and what the module says of an image that was just written (both ours).

use sha2::{Digest, Sha256};

use crate::support::Bench;
use crate::support::flash::Operation;

const OK: &str = "\r\nOK\r\n";
const ERASED: &str = "nothing is written there: use espat pki pack, and AT+SYSFLASH or espat push";

macro_rules! bin {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/bins/", $name)).as_slice()
    };
}

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("../../../cert-bin/tests/data/pki/inputs/", $name)).as_slice()
    };
}

/// Every partition that holds certificates or keys, in the order of the flash.
const PARTITIONS: [&str; 12] = [
    "server_cert",
    "server_key",
    "server_ca",
    "client_cert",
    "client_key",
    "client_ca",
    "wpa2_cert",
    "wpa2_key",
    "wpa2_ca",
    "mqtt_cert",
    "mqtt_key",
    "mqtt_ca",
];

// As `openssl x509 -outform DER` and `openssl pkey -pubout -outform DER` hash.
const CA_P256: &str = "\"CN=Root P-256 a, O=AT vectors a\",\"2060-01-01T00:00:00Z\",\"b40975c20788e19e0c0c7406e5c0f97a036fcef9dd325e0450de96e4658bcc2c\"";
const CA_RSA: &str = "\"CN=Root RSA a, O=AT vectors a\",\"2044-01-01T00:00:00Z\",\"c3ae2459a00355214b46605a2685f20c9a36caf977af1a70c104c33534a092f3\"";
const CA_P384: &str = "\"CN=Root P-384 a, O=AT vectors a\",\"2044-01-01T00:00:00Z\",\"bc1c7ef94b463fafdd15019eb78a567e92e2791ddcf9b4d443c7113ffcc2ead1\"";
const SERVER_P256: &str = "\"CN=server-a.example.test, O=AT vectors a\",\"2044-01-01T00:00:00Z\",\"2d7ef241682126ab59320d634942749264611d903652204c7884f43182d84839\"";
const KEY_CLIENT_RSA: &str =
    "\"rsa-2048\",\"\",\"2d85addbda7a9bcf59681748a333be0bf16c05ae4fba96d6c5f70101421376ba\"";
const KEY_CLIENT_P256: &str =
    "\"p-256\",\"\",\"a60a791cf042949a347543055d3abeb6cdcb679cb05b5fac99c8377c136be86c\"";
const KEY_SERVER_P256: &str =
    "\"p-256\",\"\",\"11445e71d52b535ad734f12aad5c637de7ea132ef6426311fbe55b98729b0559\"";
const KEY_SERVER_P384: &str =
    "\"p-384\",\"\",\"a9e53708983c4894c595f754eda28b636f6306ae1afa59470a43e63a8efb0f24\"";
const KEY_SERVER_ED: &str =
    "\"ed25519\",\"\",\"940668d5a917c3a8f1747c77cd20bb44f7269e93aee47915f3180dbcf7fa517b\"";

/// The lines of one partition, its name taken off.
fn lines(bench: &mut Bench, partition: &str) -> Vec<String> {
    let reply = String::from_utf8(bench.say("AT+PKI?\r\n")).unwrap();
    let tag = format!("+PKI:\"{partition}\",");
    let lines = reply.strip_suffix(OK).unwrap_or_else(|| panic!("{reply}"));
    lines
        .lines()
        .filter_map(|line| line.strip_prefix(&tag).map(str::to_owned))
        .collect()
}

/// A line about something bad ends in a sentence, which is there; it is taken off.
fn without_text(line: &str) -> &str {
    match line.rsplit_once(",\"") {
        Some((rest, text)) if rest.ends_with(|c: char| c.is_ascii_digit()) => {
            assert!(text.len() > 10, "{line}");
            rest
        }
        _ => line,
    }
}

fn image(items: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (id, (kind, content)) in (0_u8..).zip(items) {
        list.extend([*kind, id]);
        list.extend(u16::try_from(content.len()).unwrap().to_le_bytes());
        list.extend(*content);
        list.resize(list.len().next_multiple_of(4), 0xff);
    }
    let mut image = vec![0xf1, 0xf1];
    image.extend(u16::try_from(items.len()).unwrap().to_le_bytes());
    image.extend(u32::try_from(list.len()).unwrap().to_le_bytes());
    image.extend(list);
    image
}

#[test]
fn a_fresh_module_says_that_each_partition_is_erased() {
    let mut bench = Bench::new();
    let erased: String = PARTITIONS
        .map(|name| format!("+PKI:\"{name}\",\"erased\",0,\"{ERASED}\"\r\n"))
        .concat();
    bench.expect("AT+PKI?", format!("{erased}{OK}"));
    bench.alive();
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn certificates_and_keys_are_described_as_openssl_describes_them() {
    for (partition, bytes, wanted) in [
        (
            "client_ca",
            bin!("ca_p256_pem.bin"),
            vec![format!("0,\"ca\",{CA_P256}")],
        ),
        (
            "client_ca",
            bin!("ca_p256_der.bin"),
            vec![format!("0,\"ca\",{CA_P256}")],
        ),
        (
            "server_ca",
            bin!("ca_text.bin"),
            vec![format!("0,\"ca\",{CA_P256}")],
        ),
        (
            "client_ca",
            bin!("two_ca_der_pem.bin"),
            vec![format!("0,\"ca\",{CA_P256}"), format!("1,\"ca\",{CA_RSA}")],
        ),
        // Several certificates in one item: a line each, under the same number.
        (
            "mqtt_ca",
            bin!("ca_concat_two.bin"),
            vec![format!("0,\"ca\",{CA_P256}"), format!("0,\"ca\",{CA_P384}")],
        ),
        (
            "client_key",
            bin!("keys_two.bin"),
            vec![
                format!("0,\"key\",{KEY_CLIENT_RSA}"),
                format!("1,\"key\",{KEY_CLIENT_P256}"),
            ],
        ),
        // The curve that stands before the key is no object of its own.
        (
            "server_key",
            bin!("key_p256_sec1_params.bin"),
            vec![format!("0,\"key\",{KEY_SERVER_P256}")],
        ),
        (
            "server_key",
            bin!("key_p256_pkcs8_der.bin"),
            vec![format!("0,\"key\",{KEY_SERVER_P256}")],
        ),
        (
            "wpa2_key",
            bin!("key_ed25519.bin"),
            vec![format!("0,\"key\",{KEY_SERVER_ED}")],
        ),
        (
            "server_cert",
            bin!("combo_as_cert.bin"),
            vec![
                format!("0,\"cert\",{KEY_SERVER_P256}"),
                format!("0,\"cert\",{SERVER_P256}"),
            ],
        ),
        // The label is that of the item; the partition says what belongs there.
        (
            "client_key",
            bin!("accepts_cert_as_key.bin"),
            vec![format!("0,\"key\",\"certificate_not_key\",12")],
        ),
        (
            "client_ca",
            bin!("accepts_key_as_ca.bin"),
            vec![format!("0,\"ca\",\"key_not_certificate\",12")],
        ),
    ] {
        let mut bench = Bench::new();
        bench.flash.preset(partition, bytes);
        let found = lines(&mut bench, partition);
        let said: Vec<&str> = found.iter().map(|line| without_text(line)).collect();
        assert_eq!(said, wanted, "{partition}");
        bench.alive();
    }
    let mut bench = Bench::new();
    bench
        .flash
        .preset("wpa2_key", &image(&[(3, input!("server_p384.key.pem"))]));
    let wanted = [format!("0,\"key\",{KEY_SERVER_P384}")];
    assert_eq!(lines(&mut bench, "wpa2_key"), wanted);
}

#[test]
fn a_chain_has_a_line_for_each_certificate() {
    let mut bench = Bench::new();
    bench.flash.preset("client_cert", bin!("cert_chain.bin"));
    let lines = lines(&mut bench, "client_cert");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("0,\"cert\",\"CN=server-a.example.test,"));
    assert!(
        lines[1].starts_with("0,\"cert\",\"CN=Intermediate"),
        "{lines:?}"
    );
}

#[test]
fn what_cannot_be_used_is_reported_with_its_place() {
    let damaged = {
        let mut image = bin!("ca_p256_der.bin").to_vec();
        // The outer SEQUENCE stays, the version in it does not.
        image[12 + 9] ^= 0xff;
        image
    };
    let nul = image(&[(1, b"\0-----BEGIN CERTIFICATE-----\n")]);
    for (bytes, wanted) in [
        (
            bin!("accepts_junk.bin"),
            vec!["0,\"ca\",\"not_pem_or_der\",12"],
        ),
        (
            bin!("accepts_empty_file.bin"),
            vec!["0,\"ca\",\"empty\",12"],
        ),
        (
            bin!("accepts_csr_as_cert.bin"),
            vec!["0,\"cert\",\"certificate_request\",12"],
        ),
        (
            bin!("accepts_encrypted_key.bin"),
            vec!["0,\"key\",\"encrypted_key\",12"],
        ),
        (
            bin!("accepts_no_end_line.bin"),
            vec!["0,\"ca\",\"no_end_line\",12"],
        ),
        (
            bin!("accepts_short_der.bin"),
            vec!["0,\"ca\",\"damaged\",12"],
        ),
        (&damaged, vec!["0,\"ca\",\"damaged\",12"]),
        (&nul, vec!["0,\"ca\",\"no_end_line\",12"]),
        (&[0xf0, 0xf1, 0, 0], vec!["\"not_an_image\",0"]),
        (&[0; 64], vec!["\"zeros\",0"]),
        (&[0xf1, 0xf1, 1, 0xff], vec!["\"truncated\",4"]),
        (&image(&[]), vec!["\"damaged_image\",2"]),
        (&[0xf1, 0xf1, 1, 0, 0, 0x20, 0, 0], vec!["\"truncated\",4"]),
        (&image(&[(9, b"x")]), vec!["\"damaged_image\",8"]),
        (
            &[0xf1, 0xf1, 1, 0, 4, 0, 0, 0, 1, 0, 1, 0],
            vec!["\"damaged_image\",10"],
        ),
        (
            &[
                0xf1, 0xf1, 2, 0, 8, 0, 0, 0, 1, 0, 1, 0, b'x', 0xff, 0xff, 0xff,
            ],
            vec!["\"damaged_image\",16"],
        ),
        (
            &[0xf1, 0xf1, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
            vec!["\"damaged_image\",12"],
        ),
    ] {
        let mut bench = Bench::new();
        bench.flash.preset("client_ca", bytes);
        let found = lines(&mut bench, "client_ca");
        let said: Vec<&str> = found.iter().map(|line| without_text(line)).collect();
        assert_eq!(said, wanted);
        bench.alive();
    }
}

#[test]
fn a_flash_that_cannot_be_read_is_reported_and_the_others_go_on() {
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", bin!("ca_p256_pem.bin"));
    bench.flash.fail(Operation::Read, 0);
    let reply = String::from_utf8(bench.say("AT+PKI?\r\n")).unwrap();
    assert!(reply.starts_with(
        "+PKI:\"server_cert\",\"unreadable\",0,\"flash cannot be read\"\r\n+PKI:\"server_key\",\"erased\",0,"
    ));
    assert!(reply.contains(CA_P256));
}

/// A certificate of `len` bytes in PEM, as far as framing and base64 go.
fn pem(len: usize) -> Vec<u8> {
    let head = b"-----BEGIN CERTIFICATE-----\n";
    let foot = b"\n-----END CERTIFICATE-----\n";
    let mut text = head.to_vec();
    let body = (len - head.len() - foot.len()) / 4 * 4;
    text.resize(head.len() + body, b'A');
    text.extend(foot);
    text
}

#[test]
fn an_object_of_any_size_is_answered() {
    // Up to about 4.6 KiB of text there is room to decode it; what is in it is nothing then.
    for (len, code) in [
        (4096, "damaged"),
        (4600, "damaged"),
        (8100, "buffer_too_small"),
    ] {
        let mut bench = Bench::new();
        bench.flash.preset("client_ca", &image(&[(1, &pem(len))]));
        let found = lines(&mut bench, "client_ca");
        let said: Vec<&str> = found.iter().map(|line| without_text(line)).collect();
        assert_eq!(said, [format!("0,\"ca\",\"{code}\",12")], "{len}");
    }
    // Many small ones fill the partition, and each is found.
    let ca = input!("ca_p256.crt.der");
    let items: Vec<(u8, &[u8])> = vec![(1, ca); 20];
    let mut bench = Bench::new();
    bench.flash.preset("client_ca", &image(&items));
    let lines = lines(&mut bench, "client_ca");
    assert_eq!(lines.len(), 20);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("{number},\"ca\",{CA_P256}"));
    }
    let hash: String = Sha256::digest(ca)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(CA_P256.contains(&hash));
}

#[test]
fn nothing_secret_of_a_key_is_printed() {
    let mut bench = Bench::new();
    bench
        .flash
        .preset("client_key", bin!("key_p256_pkcs8_der.bin"));
    let reply = bench.say("AT+PKI?\r\n");
    let der = input!("server_p256.key.pkcs8.der");
    // The scalar of RFC 5915 inside PKCS#8.
    let secret: String = der[36..68]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let reply = String::from_utf8(reply).unwrap();
    assert!(!reply.contains(&secret) && !reply.contains(&secret.to_uppercase()));
    assert!(reply.contains(KEY_SERVER_P256));
}

/// Writes a whole image; returns what comes after the prompt.
fn write(bench: &mut Bench, partition: &str, bytes: &[u8]) -> String {
    bench.expect(
        format!("AT+SYSFLASH=1,\"{partition}\",0,{}", bytes.len()),
        "\r\n>",
    );
    String::from_utf8(bench.say(bytes)).unwrap()
}

#[test]
fn after_a_write_syslog_prints_what_was_understood_before_ok() {
    let mut bench = Bench::new();
    let image = bin!("two_ca_der_pem.bin");
    assert_eq!(write(&mut bench, "mqtt_ca", image), OK);
    bench.expect("AT+SYSLOG=1", OK);
    assert_eq!(
        write(&mut bench, "client_ca", image),
        format!(
            "+PKI:\"client_ca\",0,\"ca\",{CA_P256}\r\n+PKI:\"client_ca\",1,\"ca\",{CA_RSA}\r\n{OK}"
        )
    );
    assert_eq!(
        write(&mut bench, "client_key", b"-----BEGIN PRIVATE KEY-----\n"),
        format!(
            "+PKI:\"client_key\",\"truncated\",0,\"the end is missing: erase, and write the whole file\"\r\n{OK}"
        )
    );
    // Half an image is not one yet.
    assert_eq!(
        write(&mut bench, "server_ca", &image[..800]),
        format!(
            "+PKI:\"server_ca\",0,\"ca\",{CA_P256}\r\n+PKI:\"server_ca\",1,\"ca\",\"truncated\",420,\"the end is missing: erase, and write the whole file\"\r\n{OK}"
        )
    );
    // Other partitions hold what they like.
    assert_eq!(write(&mut bench, "ble_data", image), OK);
    bench.expect("AT+SYSLOG=0", OK);
    assert_eq!(write(&mut bench, "server_cert", image), OK);
    bench.alive();
}
