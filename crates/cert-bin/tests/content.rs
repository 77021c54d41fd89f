//! What is read out of one item: PEM as lenient and as strict as the device, DER distinguished by its shape.
use base64ct::{Base64, Encoding as _};
use cert_bin::content::{
    self, ContentError, Encoding, KeyForm, ObjectFault, ObjectKind, PrivateKey, Shape,
};
use x509_facts::KeyKind;

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("data/pki/inputs/", $name)).as_slice()
    };
}

const CA_DER: &[u8] = input!("ca_p256.crt.der");
const CA_PEM: &[u8] = input!("ca_p256.crt.pem");

fn certificates(content: &[u8]) -> Result<(Vec<Vec<u8>>, usize), ContentError> {
    let mut buf = vec![0; content.len()];
    content::decode_certificates::<8>(content, &mut buf).map(|found| {
        let der = found.der.iter().map(|der| der.to_vec()).collect();
        (der, found.unreadable)
    })
}

fn kinds(content: &[u8]) -> Vec<Result<ObjectKind, ObjectFault>> {
    content::objects(content)
        .map(|object| object.map(|it| it.kind).map_err(|it| it.fault))
        .collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = Base64::encode_string(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn the_same_certificate_comes_out_of_every_way_to_write_it() {
    for content in [
        CA_PEM,
        CA_DER,
        input!("ca_p256.crt.crlf.pem"),
        input!("ca_p256.crt.bom.pem"),
        input!("ca_p256.crt.nonl.pem"),
        input!("ca_p256.crt.nul.pem"),
        input!("ca_p256.crt.text.pem"),
        input!("fill_8180.crt.pem"),
        &[CA_DER, b"\0"].concat(),
        &[CA_PEM, b"\0\0"].concat(),
        pem("CERTIFICATE", CA_DER).as_bytes(),
        pem("CERTIFICATE", CA_DER)
            .replace('\n', "  \r\n")
            .as_bytes(),
    ] {
        assert_eq!(certificates(content), Ok((vec![CA_DER.to_vec()], 0)));
    }
}

#[test]
fn several_certificates_need_room_for_all_of_them() {
    let two = input!("ca_two.crt.pem");
    let (der, unreadable) = certificates(two).unwrap();
    assert_eq!(der, [CA_DER, input!("ca_p384.crt.der")]);
    assert_eq!(unreadable, 0);

    let needed = 404 + 461;
    for have in 0..needed {
        assert_eq!(
            content::decode_certificates::<2>(two, &mut vec![0; have]),
            Err(ContentError::BufferTooSmall { needed, have })
        );
    }
    let mut buf = vec![0; needed];
    assert!(content::decode_certificates::<2>(two, &mut buf).is_ok());
    assert_eq!(
        content::decode_certificates::<1>(two, &mut buf),
        Err(ContentError::TooManyCertificates {
            found: 2,
            capacity: 1
        })
    );
}

#[test]
fn an_unreadable_block_is_left_out_and_counted() {
    let damaged = [
        input!("ca_p256.crt.badb64.pem"),
        input!("ca_p256.crt.noend.pem"),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERT-----\n",
        b"-----BEGIN CERT\xFF\xFF\n",
    ];
    for broken in damaged {
        for content in [[broken, CA_PEM].concat(), [CA_PEM, broken].concat()] {
            assert_eq!(certificates(&content), Ok((vec![CA_DER.to_vec()], 1)));
        }
        let alone = certificates(broken).unwrap_err();
        assert!(
            matches!(alone, ContentError::Damaged { at: 0, .. }),
            "{alone}"
        );
        let first = content::decode_first_certificate(broken, &mut [0; 700]).unwrap_err();
        assert_eq!(first, alone);
    }
}

#[test]
fn content_without_a_certificate_says_so() {
    for (content, error) in [
        (b"".as_slice(), ContentError::Empty),
        (b"\0", ContentError::NotPemOrDer),
        (input!("junk.txt"), ContentError::NotPemOrDer),
        (b"0123456789", ContentError::NotPemOrDer),
        (input!("server_p256.key.pem"), ContentError::NoCertificate),
        (
            input!("server_p256.key.sec1.der"),
            ContentError::NoCertificate,
        ),
        (input!("client_rsa.csr.pem"), ContentError::NoCertificate),
        (&[b"\0", CA_PEM].concat(), ContentError::EmbeddedNul),
        (&[CA_PEM, b"\0", CA_PEM].concat(), ContentError::EmbeddedNul),
    ] {
        assert_eq!(certificates(content), Err(error));
        let mut buf = [0; 2048];
        let first = content::decode_first_certificate(content, &mut buf).unwrap_err();
        assert_eq!(first, error);
    }
}

#[test]
fn base64_is_as_strict_as_the_device() {
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    for (body, good) in [
        ("MAMCAQU=\n", true),
        ("MAMCAQU=", true),
        ("MAMC\nAQU=\n", true),
        ("M\nA\nM\nC\nA\nQ\nU\n=\n", true),
        ("MAMC  \r\nAQU=  \n", true),
        ("\n\nMAMCAQU=\n\n", true),
        ("MAMC AQU=\n", false),
        (" MAMCAQU=\n", false),
        ("MAMC\tAQU=\n", false),
        ("MAMC\rAQU=\n", false),
        ("MAMCAQU\n", false),
        ("MAMCAQ==\n", true),
        ("MAMCA===\n", false),
        ("MAMCAQU==\n", false),
        ("MAMC=AQU\n", false),
        ("MAM=AQU=\n", false),
        ("MAMCAQU=AQID\n", false),
        ("MAM-AQU=\n", false),
        ("====\n", false),
        ("", false),
        ("\n", false),
    ] {
        let text = format!("-----BEGIN X-----\n{body}-----END X-----\n");
        let object = content::objects(text.as_bytes()).next().unwrap().unwrap();
        let mut buf = [0; 16];
        let decoded = object.decode_into(&mut buf);
        assert_eq!(decoded.is_ok(), good, "{body:?}");
        assert_eq!(object.der_len().is_ok(), good, "{body:?}");
        if let Ok((decoded, _)) = decoded {
            assert!(der.starts_with(decoded), "{body:?}");
        }
    }
}

#[test]
fn blocks_are_framed_wherever_they_stand() {
    use ObjectKind::{Certificate, Other};
    for (text, expected) in [
        (
            "x-----BEGIN X-----\nMAA=\n-----END X-----y",
            vec![Ok(Other)],
        ),
        ("-----BEGIN X-----\nMAA=-----END X-----", vec![Ok(Other)]),
        (
            "-----BEGIN X-----\nMAA=\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
            vec![Err(ObjectFault::NoEnd), Ok(Certificate)],
        ),
        (
            "-----BEGIN X-----MAA=\n-----END X-----",
            vec![Err(ObjectFault::Marker)],
        ),
        (
            "-----BEGIN X\n-----\nMAA=\n-----END X-----",
            vec![Err(ObjectFault::Marker)],
        ),
        ("-----BEGIN ", vec![Err(ObjectFault::Marker)]),
        ("-----BEGIN -----\n", vec![Err(ObjectFault::Marker)]),
        ("-----BEGIN X-----", vec![Err(ObjectFault::Marker)]),
        ("-----BEGIN X-----\n", vec![Err(ObjectFault::NoEnd)]),
        (
            "-----BEGIN X-----\n-----END ",
            vec![Err(ObjectFault::LabelMismatch)],
        ),
        (
            "-----BEGIN X-----\n-----END X----",
            vec![Err(ObjectFault::LabelMismatch)],
        ),
        (
            "-----BEGIN X-----\n-----END XY-----\n",
            vec![Err(ObjectFault::LabelMismatch)],
        ),
        ("-----END X-----\n", vec![]),
        ("----BEGIN X-----\n", vec![]),
    ] {
        assert_eq!(kinds(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn a_broken_block_takes_its_lines_and_nothing_more() {
    for (text, outside) in [
        ("-----BEGIN X-----\n-----END Y-----\n", false),
        ("-----BEGIN X-----\n-----END Y-----\nhello\n", true),
        ("-----BEGIN X-----\nMAA=\n-----END X-----\n\n \t\r\n", false),
        ("-----BEGIN X-----\nMAA=\n-----END X-----hello\n", true),
        ("-----BEGIN X-----\nMAA=\n", false),
        ("\u{FEFF}-----BEGIN X-----\nMAA=\n", false),
        ("\u{FEFF}\u{FEFF}-----BEGIN X-----\nMAA=\n", true),
        (
            "-----BEGIN X-----\nMAA=\n-----BEGIN X-----\nMAA=\n-----END X-----\n",
            false,
        ),
    ] {
        assert_eq!(
            Shape::of(text.as_bytes()).text_outside_blocks,
            outside,
            "{text:?}"
        );
    }
}

#[test]
fn der_is_classified_like_the_labels_of_pem() {
    let mut seen = 0;
    for content in [
        CA_PEM,
        input!("v1_rsa.crt.pem"),
        input!("server_rsa.crt.pem"),
        input!("client_rsa.csr.pem"),
        input!("client_rsa.pub.pem"),
        input!("client_rsa.key.pem"),
        input!("client_rsa.key.pkcs1.pem"),
        input!("client_rsa.key.enc.pem"),
        input!("server_p256.key.sec1.pem"),
        input!("server_p384.key.pem"),
        input!("server_ed25519.key.pem"),
    ] {
        for object in content::objects(content) {
            let object = object.unwrap();
            let mut buf = [0; 2048];
            let (der, _) = object.decode_into(&mut buf).unwrap();
            assert_eq!(kinds(der), [Ok(object.kind)]);
            assert_eq!(Shape::of(der).encoding, Encoding::Der);
            seen += 1;
        }
    }
    assert_eq!(seen, 11);
}

#[test]
fn der_must_be_whole_and_alone() {
    for len in 5..CA_DER.len() {
        assert_eq!(
            kinds(&CA_DER[..len]),
            [Err(ObjectFault::Truncated {
                declared: CA_DER.len(),
                available: len
            })]
        );
    }
    assert_eq!(
        kinds(&[CA_DER, b"\0\0"].concat()),
        [Ok(ObjectKind::Certificate)]
    );
    assert!(Shape::of(&[CA_DER, b"\0"].concat()).trailing_nul);
    for tail in [b"\xFF".as_slice(), b"\n", b"\0\n", CA_DER] {
        let left = tail.len();
        assert_eq!(
            kinds(&[CA_DER, tail].concat()),
            [Err(ObjectFault::Trailing { left })]
        );
    }
    // The signature is the only part that may end in a zero; such a zero is not a NUL behind it.
    let mut zero_at_the_end = CA_DER.to_vec();
    *zero_at_the_end.last_mut().unwrap() = 0;
    assert!(!Shape::of(&zero_at_the_end).trailing_nul);
}

#[test]
fn keys_are_recognised_in_every_form() {
    let rsa = KeyKind::Rsa { bits: 2048 };
    for (content, form, kind) in [
        (input!("server_rsa.key.pem"), KeyForm::Pkcs8, rsa),
        (input!("server_rsa.key.pkcs8.der"), KeyForm::Pkcs8, rsa),
        (input!("server_rsa.key.pkcs1.crlf.pem"), KeyForm::Pkcs1, rsa),
        (input!("server_rsa.key.pkcs1.der"), KeyForm::Pkcs1, rsa),
        (input!("server_p256.key.pem"), KeyForm::Pkcs8, KeyKind::P256),
        (
            input!("server_p256.key.pkcs8.der"),
            KeyForm::Pkcs8,
            KeyKind::P256,
        ),
        (
            input!("server_p256.key.sec1-params.pem"),
            KeyForm::Sec1,
            KeyKind::P256,
        ),
        (
            input!("server_p256.key.sec1.der"),
            KeyForm::Sec1,
            KeyKind::P256,
        ),
        (
            input!("server_p256.combo.pem"),
            KeyForm::Pkcs8,
            KeyKind::P256,
        ),
        (input!("server_p384.key.pem"), KeyForm::Pkcs8, KeyKind::P384),
        (
            input!("server_ed25519.key.pem"),
            KeyForm::Pkcs8,
            KeyKind::Ed25519,
        ),
    ] {
        let mut buf = vec![0; content.len()];
        let key = content::decode_private_key(content, &mut buf).unwrap();
        assert_eq!((key.form, key.kind), (form, kind));
        assert!(PrivateKey::parse(form, key.der()).is_ok());
    }
}

#[test]
fn a_key_under_a_password_is_no_damage() {
    let old_form = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n";
    let mut buf = [0; 2048];
    let encrypted_der = {
        let object = content::objects(input!("client_rsa.key.enc.pem")).next();
        let object = object.unwrap().unwrap();
        object.decode_into(&mut buf).unwrap().0.to_vec()
    };
    for content in [
        old_form.as_bytes(),
        input!("client_rsa.key.enc.pem"),
        &encrypted_der,
    ] {
        assert_eq!(kinds(content), [Ok(ObjectKind::EncryptedPrivateKey)]);
        let refused = content::decode_private_key(content, &mut buf).unwrap_err();
        assert_eq!(refused, ContentError::EncryptedKey);
    }
}

#[test]
fn a_key_is_not_printed() {
    let mut buf = [0; 256];
    let key = content::decode_private_key(input!("server_p256.key.pem"), &mut buf).unwrap();
    assert_eq!(
        format!("{key:?}"),
        "PrivateKey { form: Pkcs8, kind: P256, .. }"
    );
}

#[test]
fn stripping_keeps_the_blocks_only() {
    for content in [
        input!("ca_p256.crt.crlf.pem"),
        input!("ca_p256.crt.bom.pem"),
        input!("ca_p256.crt.nonl.pem"),
        input!("ca_p256.crt.nul.pem"),
        input!("ca_p256.crt.text.pem"),
        input!("fill_8181.crt.pem"),
        input!("pad_r2.crt.pem"),
        CA_PEM,
    ] {
        let mut out = vec![0; content.len() + 1];
        let len = content::strip(content, &mut out).unwrap();
        assert_eq!(&out[..len], CA_PEM);
        for have in 0..len {
            assert_eq!(
                content::strip(content, &mut out[..have]),
                Err(ContentError::BufferTooSmall { needed: len, have })
            );
        }
    }
    let mut out = [0; 4096];
    let two = input!("ca_two.crt.pem");
    assert_eq!(content::strip(two, &mut out), Ok(two.len()));
    assert_eq!(&out[..two.len()], two);
    assert_eq!(
        content::strip(CA_DER, &mut out),
        Err(ContentError::NotPemOrDer)
    );
    let broken = content::strip(input!("ca_p256.crt.noend.pem"), &mut out).unwrap_err();
    assert_eq!(broken.code(), "damaged");
}

#[test]
fn no_cut_or_flipped_byte_leaves_the_content() {
    let texts = [
        input!("server_p256.combo.pem"),
        input!("server_p256.key.sec1-params.pem"),
        input!("server_p256.key.pkcs8.der"),
        input!("server_p256.key.sec1.der"),
        CA_DER,
    ];
    let mut buf = [0; 2048];
    for text in texts {
        for len in 0..=text.len() {
            walk(&text[..len], &mut buf);
        }
        for at in 0..text.len() {
            let mut changed = text.to_vec();
            changed[at] ^= 1 << (at % 8);
            walk(&changed, &mut buf);
        }
    }
}

/// Everything there is to read; ranges must be ordered and inside.
fn walk(content: &[u8], buf: &mut [u8]) {
    let mut last = 0;
    for object in content::objects(content) {
        let range = match &object {
            Ok(object) => object.range.clone(),
            Err(broken) => broken.range.clone(),
        };
        assert!(last <= range.start && range.start < range.end && range.end <= content.len());
        last = range.end;
        if let Ok(object) = object
            && let Ok((der, _)) = object.decode_into(buf)
        {
            assert!(der.len() <= content.len());
            assert_eq!(Ok(der.len()), object.der_len());
            if let ObjectKind::PrivateKey(form) = object.kind {
                let _ = PrivateKey::parse(form, der);
            }
        }
    }
    let _ = Shape::of(content);
    let before = content::decode_certificates::<4>(content, buf).map(|it| it.der.len());
    assert_eq!(
        before.is_ok(),
        content::decode_first_certificate(content, buf).is_ok()
    );
    let _ = content::decode_private_key(content, buf);
    let mut out = vec![0; content.len() + 1];
    if let Err(error) = content::strip(content, &mut out) {
        assert_ne!(error.code(), "buffer_too_small");
    }
}

#[test]
fn the_decoder_can_fail_only_on_framing_or_base64() {
    let mut buf = [0; 2048];
    let object = content::objects(CA_PEM).next().expect("a block");
    let object = object.expect("a good block");
    let (der, rest) = object.decode_into(&mut buf).expect("base64");
    assert_eq!((der, rest.len()), (CA_DER, 2048 - CA_DER.len()));
    assert_eq!(object.der(), None);
}

/// A key in a log is a key lost.
#[test]
fn debug_output_has_lengths_and_no_content() {
    let key = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let item = cert_bin::NewItem {
        kind: cert_bin::ItemKind::Key,
        content: key,
    };
    let mut flash = [0xff; 256];
    cert_bin::write_image(&[item], &mut flash).unwrap();
    let image = cert_bin::Image::parse(&flash).unwrap();
    let items: Vec<_> = image.items().collect();
    let objects: Vec<_> = content::objects(key).collect();
    let blocks = content::pem::Blocks::new(key);
    let framed: Vec<_> = blocks.clone().collect();
    let view = cert_bin::DeviceView::new(&flash, 256);
    let shown = format!(
        "{item:?} {image:?} {items:?} {:?} {objects:?} {:?} {blocks:?} {framed:?} {view:?}",
        image.items(),
        content::objects(key)
    );
    assert!(shown.contains("63 bytes"), "{shown}");
    for secret in ["c2Vj", "99, 50, 86", "[45, 45"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
