//! Texts that hold no certificate, or none that can be read.

use super::Mistake;
use crate::content::{self, ObjectFault, der, pem};

/// Shorter texts may be anything.
const MIN_TEXT: usize = 32;

/// Labels of PEM that nothing here reads, but that a person can do something about.
pub(super) fn of_label(content: &[u8]) -> Option<Mistake> {
    pem::Blocks::new(content)
        .flatten()
        .find_map(|block| match block.label {
            b"TRUSTED CERTIFICATE" | b"X509 TRUSTED CERTIFICATE" => {
                Some(Mistake::TrustedCertificate)
            }
            b"PKCS7" | b"CMS" | b"PKCS #7 SIGNED DATA" => Some(Mistake::Pkcs7),
            b"OPENSSH PRIVATE KEY" => Some(Mistake::OpenSshKey),
            b"X509 CRL" => Some(Mistake::RevocationList),
            _ => None,
        })
}

/// Text without a block that can be framed.
pub(super) fn of_text(content: &[u8]) -> Option<Mistake> {
    let text = content.trim_ascii();
    if is_utf16(text) {
        return Some(Mistake::Utf16);
    }
    if text.starts_with(b"<") {
        return Some(Mistake::WebPage);
    }
    if text.starts_with(b"Certificate:") {
        return Some(Mistake::CertificateText);
    }
    if text.starts_with(b"PuTTY-User-Key-File") {
        return Some(Mistake::PuttyKey);
    }
    if text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-sha2-") {
        return Some(Mistake::PublicKey);
    }
    if text.len() < MIN_TEXT {
        return None;
    }
    if is_hex(text) {
        return Some(Mistake::HexText);
    }
    let base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte)
    };
    // A DER SEQUENCE of more than 255 bytes; the magic and a small count; five dashes and BEGIN.
    let begins = [
        (&b"MI"[..], Mistake::Base64Text),
        (b"8f", Mistake::Base64Image),
        (b"LS0tLS1C", Mistake::Base64Pem),
    ];
    let (_, mistake) = begins
        .into_iter()
        .find(|(start, _)| text.starts_with(start))?;
    text.iter().all(base64).then_some(mistake)
}

/// Digits alone, or what xxd, hexdump and `xxd -i` print.
pub(super) fn is_hex(text: &[u8]) -> bool {
    if text.len() < MIN_TEXT {
        return false;
    }
    let digit = |byte: &u8| {
        byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || b":,x\\-".contains(byte)
    };
    let dump = text.starts_with(b"00000000") && text.iter().take(48).all(digit);
    let array = text
        .windows(7)
        .take(64)
        .any(|it| it == b"[] = {\n" || it == b"[] = { ");
    dump || (array
        && text
            .windows(4)
            .any(|it| it == b"0xf1" || it == b"0x30" || it == b"0x2d"))
        || text.iter().all(digit) && text.iter().any(u8::is_ascii_digit)
}

/// BEGIN or END is there, and no block comes of it.
pub(super) fn of_broken_pem(content: &[u8]) -> Option<Mistake> {
    let has = |marker: &[u8]| content.windows(marker.len()).any(|it| it == marker);
    if !has(b"BEGIN ") {
        return None;
    }
    // Pasted out of JSON, or out of source text with its own line ends behind.
    if has(b"-----\\n") {
        return Some(Mistake::EscapedLineEnds);
    }
    if !content.contains(&b'\n') && content.contains(&b'\r') {
        return Some(Mistake::CrLineEnds);
    }
    if has(b"-----END ") && !content.trim_ascii().contains(&b'\n') {
        return Some(Mistake::NoLineEnds);
    }
    if is_indented(content) {
        return Some(Mistake::Indented);
    }
    if super::image::overwritten(content) {
        return Some(Mistake::NotErased);
    }
    match pem::Blocks::new(content).next() {
        None
        | Some(Err(content::BrokenObject {
            fault: ObjectFault::Marker,
            ..
        })) => Some(Mistake::BrokenDashes),
        Some(Err(content::BrokenObject {
            fault: ObjectFault::NoEnd,
            ..
        })) => {
            let end = has(b"END ");
            Some(if end {
                Mistake::BrokenDashes
            } else {
                Mistake::NoEnd
            })
        }
        Some(Err(content::BrokenObject {
            fault: ObjectFault::LabelMismatch,
            ..
        })) if !has(b"-----END ") || ends_without_dashes(content) => Some(Mistake::BrokenDashes),
        _ => None,
    }
}

/// The line behind BEGIN begins with a blank.
pub(super) fn is_indented(content: &[u8]) -> bool {
    let mut lines = content.split(|&byte| byte == b'\n');
    let behind_begin = lines.by_ref().any(|line| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ") && line.ends_with(b"-----")
    });
    let next = if behind_begin { lines.next() } else { None };
    next.is_some_and(|line| matches!(line, [b' ' | b'\t', ..]) && !line.trim_ascii().is_empty())
}

/// The last line is an END line that lacks a dash at its end.
fn ends_without_dashes(content: &[u8]) -> bool {
    !content.trim_ascii_end().ends_with(b"-----")
}

/// A byte order mark, or every other byte of the start is zero.
pub(super) fn is_utf16(content: &[u8]) -> bool {
    let marked = content.starts_with(&[0xFF, 0xFE]) || content.starts_with(&[0xFE, 0xFF]);
    let start = content.first_chunk::<8>();
    let wide = start.is_some_and(|start| {
        matches!(start, [a, 0, b, 0, c, 0, d, 0] | [0, a, 0, b, 0, c, 0, d]
            if [a, b, c, d].into_iter().all(|&byte| byte.is_ascii_graphic()))
    });
    wide || (marked && content.get(2..).is_some_and(|rest| rest.contains(&0)))
}

/// The magic as text in UTF-8, or as the sign for bytes that are no text.
pub(super) fn is_image_in_utf8(bytes: &[u8]) -> bool {
    bytes.starts_with("\u{f1}\u{f1}".as_bytes()) || bytes.starts_with("\u{fffd}\u{fffd}".as_bytes())
}

/// PEM text of which every line but the last ends in CR LF, and whose last block has no end: a file whose length counted
/// its lines with LF alone.
pub(super) fn is_cut_in_text_mode(content: &[u8]) -> bool {
    let lines = content.iter().filter(|&&byte| byte == b'\n').count();
    let ends = content.windows(2).filter(|it| it == b"\r\n").count();
    let is_cut = matches!(
        pem::Blocks::new(content).last(),
        Some(Err(content::BrokenObject {
            fault: ObjectFault::NoEnd | ObjectFault::LabelMismatch,
            ..
        }))
    );
    lines > 1 && lines == ends && is_cut
}

/// One structure in DER that has the outside of a certificate, and not the inside.
pub(super) fn is_unreadable_der(content: &[u8]) -> bool {
    der::outer(content).is_ok_and(|der| x509_facts::Certificate::parse(der).is_err())
}

/// The beginning of a command that hosts send, where no command can be.
pub(super) fn has_command(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|it| {
        matches!(
            it,
            b"AT+CIP"
                | b"AT+SYS"
                | b"AT+CWJ"
                | b"AT+CWM"
                | b"AT+RST"
                | b"AT+GMR"
                | b"AT+PKI"
                | b"AT+SSL"
        )
    })
}
