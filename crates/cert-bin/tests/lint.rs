//! The findings of the lint: each code by a case that has it and a neighbour that has not.
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

use cert_bin::content;
use cert_bin::lint::{
    self, Context, Finding, Level, Problem, Recommendation, ScratchTooSmall, Tally,
};
use cert_bin::{Image, ItemKind, NewItem, PartitionRole, write_image};
use x509_facts::Timestamp;

use ItemKind::{Ca, Cert, Key};

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!("data/pki/inputs/", $name)).as_slice()
    };
}

fn check(items: &[(ItemKind, &[u8])], context: &Context) -> (Vec<Finding>, Tally) {
    let items: Vec<NewItem<'_>> = items
        .iter()
        .map(|&(kind, content)| NewItem { kind, content })
        .collect();
    let mut findings = Vec::new();
    let mut scratch = vec![0; content::MAX_DECODED];
    let tally = lint::check_new(&items, context, &mut scratch, &mut |it| findings.push(it))
        .expect("the scratch is large enough");
    (findings, tally)
}

fn codes(items: &[(ItemKind, &[u8])], context: &Context) -> Vec<&'static str> {
    let (findings, _) = check(items, context);
    findings.iter().map(|it| it.problem.code()).collect()
}

fn plain(kind: ItemKind, content: &[u8]) -> Vec<&'static str> {
    codes(&[(kind, content)], &Context::default())
}

fn within(partition: &str) -> Context {
    let role = PartitionRole::from_name(partition);
    assert!(role.is_some(), "{partition}");
    Context {
        role,
        ..Context::default()
    }
}

#[test]
fn contents_are_judged_under_their_label() {
    for (kind, content, expected) in [
        (Ca, input!("ca_rsa.crt.pem"), vec![]),
        (Ca, input!("v1_rsa.crt.der"), vec!["x509_v1"]),
        (Ca, input!("server_rsa.crt.der"), vec!["not_a_ca"]),
        (
            Ca,
            input!("server_rsa.chain.pem"),
            vec!["not_a_ca", "several_certificates"],
        ),
        (Cert, input!("server_rsa.crt.pem"), vec![]),
        (
            Cert,
            input!("server_rsa.chain.pem"),
            vec!["several_certificates"],
        ),
        (Cert, input!("ca_p384.crt.pem"), vec!["leaf_is_a_ca"]),
        (Cert, input!("int_rsa.crt.pem"), vec!["leaf_is_a_ca"]),
        (Cert, input!("v1_rsa.crt.pem"), vec!["x509_v1"]),
        (Cert, input!("server_cn.crt.pem"), vec!["no_san"]),
        (Cert, input!("client_rsa.crt.der"), vec![]),
        (
            Cert,
            input!("ca_p256_ed.crt.pem"),
            vec!["leaf_is_a_ca", "partly_unsupported", "several_certificates"],
        ),
        (Cert, input!("server_p256.combo.pem"), vec!["mixed_content"]),
        (Key, input!("server_p256.combo.pem"), vec!["mixed_content"]),
        (Key, input!("server_p384.key.pem"), vec![]),
        (Key, input!("server_p256.key.sec1.der"), vec![]),
        (Key, input!("server_p256.key.sec1-params.pem"), vec![]),
        (
            Key,
            input!("server_ed25519.key.pem"),
            vec!["unsupported_by_device"],
        ),
        (Key, input!("client_rsa.key.enc.pem"), vec!["encrypted_key"]),
        (Cert, input!("client_rsa.key.enc.pem"), vec!["wrong_kind"]),
        (Key, input!("client_rsa.pub.pem"), vec!["wrong_kind"]),
        (Ca, input!("client_rsa.csr.pem"), vec!["wrong_kind"]),
        (
            Key,
            input!("ca_p256.crt.bom.pem"),
            vec!["wrong_kind", "bom"],
        ),
        (Ca, input!("ca_p256.crt.short.der"), vec!["damaged"]),
        (Ca, input!("ca_p256.crt.badb64.pem"), vec!["damaged"]),
        (Ca, input!("junk.txt"), vec!["not_pem_or_der"]),
        (Ca, b"junk without a line end", vec!["not_pem_or_der"]),
        (Ca, b"\0", vec!["not_pem_or_der"]),
        (Ca, b"", vec!["empty"]),
    ] {
        assert_eq!(plain(kind, content), expected);
    }
}

#[test]
fn put_together_contents_have_the_findings_of_their_parts() {
    let der_nul = [input!("ca_p256.crt.der"), b"\0"].concat();
    assert_eq!(plain(Ca, &der_nul), ["trailing_nul"]);
    let der_newline = [input!("ca_p256.crt.der"), b"\n"].concat();
    assert_eq!(plain(Ca, &der_newline), ["damaged"]);
    let with_request = [input!("server_rsa.crt.pem"), input!("client_rsa.csr.pem")].concat();
    assert_eq!(plain(Cert, &with_request), ["mixed_content"]);
    let good_and_damaged = [input!("ca_p256.crt.pem"), input!("ca_p256.crt.badb64.pem")].concat();
    assert_eq!(plain(Ca, &good_and_damaged), ["damaged"]);
    let hidden = [input!("ca_p256.crt.pem"), b"\0", input!("ca_p384.crt.pem")].concat();
    assert_eq!(plain(Ca, &hidden), ["embedded_nul", "several_certificates"]);
    let keys = [
        input!("server_ed25519.key.pem"),
        input!("server_p256.key.pem"),
    ]
    .concat();
    assert_eq!(plain(Key, &keys), ["partly_unsupported"]);
    let ed25519 = [input!("ca_ed25519.crt.pem"), input!("ca_ed25519.crt.pem")].concat();
    assert_eq!(
        plain(Ca, &ed25519),
        ["unsupported_by_device", "several_certificates"]
    );
    // A key under a certificate's label is found by its structure.
    let text = std::str::from_utf8(input!("server_p256.key.pem")).unwrap();
    let mislabelled = text.replace("PRIVATE KEY", "CERTIFICATE");
    assert_eq!(plain(Cert, mislabelled.as_bytes()), ["damaged"]);
}

#[test]
fn dates_are_judged_to_the_second_and_only_with_a_clock() {
    let expired = input!("expired_p256.crt.pem"); // 2020-01-01 … 2021-01-01
    assert_eq!(plain(Cert, expired), Vec::<&str>::new());
    for (now, expected) in [
        ("1970-01-01T00:00:00Z", vec!["not_yet_valid"]),
        ("2019-12-31T23:59:59Z", vec!["not_yet_valid"]),
        ("2020-01-01T00:00:00Z", vec![]),
        ("2021-01-01T00:00:00Z", vec![]),
        ("2021-01-01T00:00:01Z", vec!["expired"]),
    ] {
        let context = Context {
            now: Some(now.parse::<Timestamp>().unwrap()),
            ..Context::default()
        };
        assert_eq!(codes(&[(Cert, expired)], &context), expected, "{now}");
    }
    let context = Context {
        now: "2026-01-01T00:00:00Z".parse().ok(),
        ..Context::default()
    };
    assert_eq!(
        codes(&[(Cert, input!("future_p256.crt.pem"))], &context),
        ["not_yet_valid"]
    );
    // Each certificate of a set has its own dates.
    let both = [input!("ca_p256.crt.pem"), expired, expired].concat();
    let (findings, _) = check(&[(Cert, &both)], &context);
    let late: Vec<usize> = findings
        .iter()
        .filter_map(|it| match it.problem {
            Problem::Expired { certificate, .. } => Some(certificate),
            _ => None,
        })
        .collect();
    assert_eq!(late, [1, 2]);
}

#[test]
fn the_partition_decides_what_a_certificate_is_shown_as() {
    let cn_only = input!("server_cn.crt.pem");
    let client = input!("client_rsa.crt.pem");
    assert_eq!(
        codes(&[(Cert, cn_only)], &within("server_cert")),
        ["no_san"]
    );
    assert_eq!(codes(&[(Cert, client)], &within("server_cert")), ["no_san"]);
    assert_eq!(
        codes(&[(Cert, cn_only)], &within("client_cert")),
        Vec::<&str>::new()
    );
    assert_eq!(
        codes(&[(Cert, client)], &within("mqtt_cert")),
        Vec::<&str>::new()
    );
}

#[test]
fn the_partition_decides_which_labels_and_how_many() {
    let two = [
        (Ca, input!("ca_rsa.crt.pem")),
        (Ca, input!("ca_p256.crt.pem")),
    ];
    assert_eq!(codes(&two, &within("client_ca")), Vec::<&str>::new());
    for partition in ["server_ca", "mqtt_ca", "wpa2_ca"] {
        assert_eq!(codes(&two, &within(partition)), ["only_first_item_used"]);
        assert_eq!(codes(&two[..1], &within(partition)), Vec::<&str>::new());
    }
    let (findings, _) = check(&two, &within("client_key"));
    let expected = Problem::TypeNotExpected {
        expected: Key,
        found: Ca,
    };
    let found: Vec<_> = findings.iter().map(|it| (it.index, it.problem)).collect();
    assert_eq!(found, [(Some(0), expected), (Some(1), expected)]);
}

#[test]
fn repetitions_point_at_the_first() {
    let (a, b) = (input!("ca_rsa.crt.pem"), input!("ca_p256.crt.pem"));
    let (findings, tally) = check(
        &[(Ca, a), (Ca, b), (Ca, a), (Ca, b), (Ca, a)],
        &Context::default(),
    );
    let found: Vec<_> = findings
        .iter()
        .map(|it| match it.problem {
            Problem::DuplicateContent { first } => (it.index, Some(first)),
            _ => (it.index, None),
        })
        .collect();
    let expected = [(2, 0), (3, 1), (4, 0)].map(|(at, first)| (Some(at), Some(first)));
    assert_eq!(found, expected);
    assert_eq!((tally.errors, tally.warnings), (0, 3));
    assert_eq!(tally.recommendation(), Recommendation::AcceptWithWarnings);
}

#[test]
fn content_can_be_forced_and_sizes_cannot() {
    let junk = (Ca, input!("junk.txt"));
    let (_, tally) = check(&[junk], &Context::default());
    assert_eq!((tally.errors, tally.final_errors), (1, 0));

    let (_, tally) = check(&[], &Context::default());
    assert_eq!((tally.errors, tally.final_errors), (1, 1));
    let (_, tally) = check(&[(Ca, b"")], &Context::default());
    assert_eq!((tally.errors, tally.final_errors), (1, 1));
    let long = vec![b'x'; 65536];
    let sized = |partition_size| Context {
        partition_size: Some(partition_size),
        ..Context::default()
    };
    assert_eq!(codes(&[(Ca, &long)], &sized(4096)), ["too_long"]);
    assert_eq!(codes(&[junk], &sized(36)), ["not_pem_or_der"]);
    assert_eq!(
        codes(&[junk], &sized(35)),
        ["not_pem_or_der", "too_big_for_partition"]
    );
    let (_, tally) = check(&[junk], &sized(35));
    assert_eq!((tally.errors, tally.final_errors), (2, 1));
    assert_eq!(tally.recommendation(), Recommendation::Refuse);
}

#[test]
fn too_little_scratch_is_reported_with_the_size() {
    let item = NewItem {
        kind: Ca,
        content: input!("ca_two.crt.pem"),
    };
    let needed = 461; // the larger of the two
    let mut silent = |_| {};
    for have in [0, 403, 404, 460] {
        let result = lint::check_content(
            0,
            item,
            &Context::default(),
            &mut vec![0; have],
            &mut silent,
        );
        let needed = if have < 404 { 404 } else { needed };
        assert_eq!(result, Err(ScratchTooSmall { needed, have }));
    }
    assert!(lint::check_content(0, item, &Context::default(), &mut [0; 461], &mut silent).is_ok());
    let der = NewItem {
        kind: Ca,
        content: input!("ca_rsa.crt.der"),
    };
    assert!(lint::check_content(0, der, &Context::default(), &mut [], &mut silent).is_ok());
}

#[test]
fn no_private_key_stays_in_the_scratch() {
    let mut scratch = [0xAA; 2048];
    for content in [
        input!("server_rsa.key.pem"),
        input!("server_p256.key.sec1-params.pem"),
    ] {
        let item = NewItem { kind: Key, content };
        let (der_len, key) = {
            let mut buf = [0; 2048];
            let key = content::decode_private_key(content, &mut buf).unwrap();
            (key.der().len(), key.der().to_vec())
        };
        lint::check_content(0, item, &Context::default(), &mut scratch, &mut |_| {}).unwrap();
        assert_eq!(&scratch[..der_len], vec![0; der_len]);
        assert!(
            !scratch
                .windows(32)
                .any(|part| key.windows(32).any(|it| it == part && it != [0; 32]))
        );
    }
}

#[test]
fn an_image_read_back_is_judged_like_the_list_it_was_made_from() {
    let items = [
        NewItem {
            kind: Cert,
            content: input!("server_cn.crt.pem"),
        },
        NewItem {
            kind: Key,
            content: input!("server_ed25519.key.pem"),
        },
    ];
    let mut out = [0; 2048];
    let size = write_image(&items, &mut out).unwrap();
    let image = Image::parse(&out[..size]).unwrap();
    let context = Context {
        partition_size: Some(1024),
        ..Context::default()
    };
    let mut scratch = [0; 2048];
    let mut of_list = Vec::new();
    lint::check_new(&items, &context, &mut scratch, &mut |it| of_list.push(it)).unwrap();
    let mut of_image = Vec::new();
    lint::check_image(&image, &context, &mut scratch, &mut |it| of_image.push(it)).unwrap();
    // The reader itself has reported this one.
    of_list.retain(|it| it.problem != Problem::MixedTypes);
    assert_eq!(of_image, of_list);
    let levels: Vec<Level> = of_image.iter().map(|it| it.problem.level()).collect();
    assert_eq!(levels, [Level::Warning, Level::Error, Level::Error]);
}
