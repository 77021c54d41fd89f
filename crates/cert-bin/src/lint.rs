//! What a device will make of certificates and keys, said before they are flashed (spec: cert-bin 4, 6.2).
//!
//! Errors are what a device refuses at connection time; warnings are what works and is probably not meant. Whose rules
//! apply is the caller's choice ([`Device`]): the TLS library of the original firmware does not know Ed25519.
//!
//! For [`Device::Espat`] a content is judged as what its partition is for, and by its own label where the partition is not
//! known: firmware picks by position and does not look at the label. For [`Device::EspAt`] the label decides. The partition adds what only it knows: whether the label belongs there,
//! whether more than the first item is ever used, and whether a certificate is shown as a server's. Dates are judged
//! only when the caller says what time it is.
//!
//! Findings go to a closure, one by one, so that nothing is allocated. PEM is decoded into
//! `scratch`, which is cleared after a private key was in it; [`MAX_DECODED`] bytes are always enough.

mod device;
mod finding;
mod mistaken;

use x509_facts::{Certificate, GeneralName, Timestamp};

use crate::content::{
    self, BrokenObject, ContentError, Encoding, MAX_DECODED, Object, ObjectFault, ObjectKind,
    PrivateKey, Shape,
};
use crate::image::{Image, ItemKind};
use crate::mistake::Mistake;
use crate::role::PartitionRole;
use crate::writer::{MAX_CONTENT_LEN, MAX_PER_KIND, NewItem, image_size};

pub use device::Device;
pub use finding::{Finding, Level, Problem};
use mistaken::Origin;

/// What is known about the place and time the items are meant for. The default knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Context {
    /// The partition, where it is known.
    pub role: Option<PartitionRole>,
    /// The time, where it is known; without it no date is judged.
    pub now: Option<Timestamp>,
    /// Size of the partition, where it is known.
    pub partition_size: Option<u32>,
    /// Whose rules apply.
    pub device: Device,
}

/// How much was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Findings of [`Level::Error`].
    pub errors: usize,
    /// Findings of [`Level::Warning`].
    pub warnings: usize,
    /// Errors that no force switch may override, because the result could not be read back.
    pub final_errors: usize,
}

impl Tally {
    /// What a careful writer does.
    #[must_use]
    pub const fn recommendation(&self) -> Recommendation {
        if self.errors > 0 {
            Recommendation::Refuse
        } else if self.warnings > 0 {
            Recommendation::AcceptWithWarnings
        } else {
            Recommendation::Accept
        }
    }

    fn add(&mut self, problem: &Problem) {
        let counter = match problem.level() {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
        };
        *counter = counter.saturating_add(1);
        if problem.level() == Level::Error && !problem.can_be_forced() {
            self.final_errors = self.final_errors.saturating_add(1);
        }
    }
}

/// What a careful writer does with a list of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Recommendation {
    /// Nothing to say.
    Accept,
    /// Write, and say why one might not want it.
    AcceptWithWarnings,
    /// Do not write.
    Refuse,
}

impl Recommendation {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptWithWarnings => "accept_with_warnings",
            Self::Refuse => "refuse",
        }
    }
}

/// `scratch` does not hold one decoded object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScratchTooSmall {
    /// Bytes that object takes; [`MAX_DECODED`] are enough for any.
    pub needed: usize,
    /// Bytes there are.
    pub have: usize,
}

impl core::fmt::Display for ScratchTooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { needed, have } = self;
        write!(
            f,
            "decoding takes {needed} bytes of scratch (never more than {MAX_DECODED}), there are {have}"
        )
    }
}

impl core::error::Error for ScratchTooSmall {}

/// Judges a list about to be packed. Indexes in the findings are positions in `items`.
///
/// # Errors
///
/// Only when `scratch` is too small.
pub fn check_new(
    items: &[NewItem<'_>],
    context: &Context,
    scratch: &mut [u8],
    report: &mut dyn FnMut(Finding),
) -> Result<Tally, ScratchTooSmall> {
    let mut report = Reporter::new(report);
    check_items(
        items.iter().copied(),
        (context, Origin::File),
        scratch,
        &mut report,
    )?;
    if items.is_empty() {
        report.push(None, Problem::NoItems);
    }
    let counts = |kind| items.iter().filter(move |item| item.kind == kind).count();
    for kind in ItemKind::ALL {
        let count = counts(kind);
        if count > MAX_PER_KIND {
            report.push(None, Problem::TooManyOfOneType { kind, count });
        }
    }
    if ItemKind::ALL
        .into_iter()
        .filter(|&kind| counts(kind) > 0)
        .count()
        > 1
    {
        report.push(None, Problem::MixedTypes);
    }
    // With a content that does not fit its length field there is no such thing as the size of the image.
    let all_fit = items
        .iter()
        .all(|item| item.content.len() <= MAX_CONTENT_LEN);
    if all_fit {
        report.check_size(image_size(items), context);
    }
    Ok(report.tally)
}

/// Judges the items of an image that was read. What [`Image::warnings`] says is not said again.
///
/// # Errors
///
/// Only when `scratch` is too small.
pub fn check_image(
    image: &Image<'_>,
    context: &Context,
    scratch: &mut [u8],
    report: &mut dyn FnMut(Finding),
) -> Result<Tally, ScratchTooSmall> {
    let mut report = Reporter::new(report);
    let items = image.items().map(NewItem::from);
    check_items(items, (context, Origin::Flash), scratch, &mut report)?;
    report.check_size(image.as_bytes().len(), context);
    Ok(report.tally)
}

/// Judges one content under the label `kind`; `index` is only passed on to the findings.
///
/// # Errors
///
/// Only when `scratch` is too small.
pub fn check_content(
    index: usize,
    item: NewItem<'_>,
    context: &Context,
    scratch: &mut [u8],
    report: &mut dyn FnMut(Finding),
) -> Result<Tally, ScratchTooSmall> {
    let mut report = Reporter::new(report);
    let origin = Origin::File;
    Subject {
        index,
        item,
        context,
        origin,
    }
    .check(scratch, &mut report)?;
    Ok(report.tally)
}

/// Counts what goes through it.
struct Reporter<'r> {
    sink: &'r mut dyn FnMut(Finding),
    tally: Tally,
}

impl<'r> Reporter<'r> {
    fn new(sink: &'r mut dyn FnMut(Finding)) -> Self {
        Self {
            sink,
            tally: Tally::default(),
        }
    }

    fn push(&mut self, index: Option<usize>, problem: Problem) {
        self.tally.add(&problem);
        (self.sink)(Finding { index, problem });
    }

    fn check_size(&mut self, size: usize, context: &Context) {
        let Some(partition_size) = context.partition_size else {
            return;
        };
        if usize::try_from(partition_size).is_ok_and(|partition| size > partition) {
            self.push(
                None,
                Problem::TooBigForPartition {
                    size,
                    partition_size,
                },
            );
        }
    }
}

/// What concerns every list: each content, labels against the partition, repetitions.
fn check_items<'i>(
    items: impl Iterator<Item = NewItem<'i>> + Clone,
    (context, origin): (&Context, Origin),
    scratch: &mut [u8],
    report: &mut Reporter<'_>,
) -> Result<(), ScratchTooSmall> {
    for (index, item) in items.clone().enumerate() {
        if let Some(role) = context.role
            && item.kind != role.kind
        {
            let (expected, found) = (role.kind, item.kind);
            report.push(Some(index), Problem::TypeNotExpected { expected, found });
        }
        Subject {
            index,
            item,
            context,
            origin,
        }
        .check(scratch, report)?;
        // An image with more items has run out of ids and says so; comparing them all would take long.
        let earlier = items.clone().take(index.min(MAX_COMPARED));
        if let Some(first) = earlier
            .map(|earlier| earlier.content)
            .position(|content| content == item.content)
        {
            report.push(Some(index), Problem::DuplicateContent { first });
        }
    }
    let count = items.count();
    if count > 1 && context.role.is_some_and(PartitionRole::first_item_only) {
        report.push(Some(1), Problem::OnlyFirstItemUsed { count });
    }
    Ok(())
}

/// Three kinds with all their ids.
const MAX_COMPARED: usize = 3 * MAX_PER_KIND;

/// One content being judged.
struct Subject<'s> {
    index: usize,
    item: NewItem<'s>,
    context: &'s Context,
    origin: Origin,
}

/// What was met inside one content.
#[derive(Default)]
struct Met {
    certificates: usize,
    unsupported_certificates: usize,
    keys: usize,
    unsupported_keys: usize,
    encrypted_keys: usize,
    /// Requests, public keys and whatever else is no help here.
    others: usize,
    damage: Option<ContentError>,
}

impl Subject<'_> {
    fn check(&self, scratch: &mut [u8], report: &mut Reporter<'_>) -> Result<(), ScratchTooSmall> {
        let content = self.item.content;
        if content.is_empty() {
            self.push(report, Problem::Empty);
            return Ok(());
        }
        if content.len() > MAX_CONTENT_LEN {
            let length = content.len();
            self.push(report, Problem::TooLong { length });
            return Ok(());
        }
        let shape = Shape::of(content);
        if shape.encoding == Encoding::None {
            let problem = self
                .mistake()
                .map_or(Problem::NotPemOrDer, Problem::Mistaken);
            self.push(report, problem);
            return Ok(());
        }
        if let Some(mistake @ (Mistake::ImageInValue | Mistake::Utf16 | Mistake::NotErased)) =
            self.mistake()
        {
            self.push(report, Problem::Mistaken(mistake));
            return Ok(());
        }
        if shape.embedded_nul {
            self.push(report, Problem::EmbeddedNul);
        }
        let mut met = Met::default();
        for object in content::objects(content) {
            self.look_at(object, &mut met, scratch, report)?;
        }
        self.conclude(&met, report);
        for (there, problem) in [
            (shape.bom, Problem::Bom),
            (shape.crlf, Problem::Crlf),
            (shape.trailing_nul, Problem::TrailingNul),
            (shape.no_final_newline, Problem::NoFinalNewline),
            (shape.text_outside_blocks, Problem::TextOutsideBlocks),
        ] {
            if there {
                self.push(report, problem);
            }
        }
        Ok(())
    }

    fn push(&self, report: &mut Reporter<'_>, problem: Problem) {
        report.push(Some(self.index), problem);
    }

    /// What belongs here: the partition knows, else the label says so.
    fn kind(&self) -> ItemKind {
        match (self.context.device, self.context.role) {
            (Device::Espat, Some(role)) => role.kind,
            _ => self.item.kind,
        }
    }

    fn look_at(
        &self,
        object: Result<Object<'_>, BrokenObject>,
        met: &mut Met,
        scratch: &mut [u8],
        report: &mut Reporter<'_>,
    ) -> Result<(), ScratchTooSmall> {
        let read = match object {
            Ok(object) => self.read(&object, met, scratch, report),
            Err(broken) => Err(broken.into()),
        };
        match read {
            Ok(()) => {}
            Err(ContentError::BufferTooSmall { needed, have }) => {
                return Err(ScratchTooSmall { needed, have });
            }
            Err(damage) => met.damage = met.damage.or(Some(damage)),
        }
        Ok(())
    }

    fn read(
        &self,
        object: &Object<'_>,
        met: &mut Met,
        scratch: &mut [u8],
        report: &mut Reporter<'_>,
    ) -> Result<(), ContentError> {
        let damaged = |fault| ContentError::Damaged {
            at: object.range.start,
            fault,
        };
        match object.kind {
            ObjectKind::Certificate => {
                let (der, _) = object.der_or_decode(scratch)?;
                let certificate = Certificate::parse(der)
                    .map_err(|error| damaged(ObjectFault::Certificate(error)))?;
                self.judge_certificate(&certificate, met.certificates, report);
                count(&mut met.certificates);
                if !self.context.device.reads(&certificate) {
                    count(&mut met.unsupported_certificates);
                }
            }
            ObjectKind::PrivateKey(form) => {
                let (der, used) = object.der_or_decode(scratch)?;
                let kind = PrivateKey::parse(form, der).map(|key| key.kind);
                if let Some(secret) = scratch.get_mut(..used) {
                    secret.fill(0);
                }
                let kind = kind.map_err(damaged)?;
                count(&mut met.keys);
                if !self.context.device.reads_key(kind) {
                    count(&mut met.unsupported_keys);
                }
            }
            ObjectKind::EncryptedPrivateKey => count(&mut met.encrypted_keys),
            // Comes with a SEC1 key and means nothing of its own.
            ObjectKind::EcParameters => {}
            _ => {
                object.der_len().map_err(damaged)?;
                count(&mut met.others);
            }
        }
        Ok(())
    }

    /// `position` counts the certificates in front of this one in the same content.
    fn judge_certificate(
        &self,
        certificate: &Certificate<'_>,
        position: usize,
        report: &mut Reporter<'_>,
    ) {
        let is_ca_role = match self.kind() {
            ItemKind::Ca => true,
            ItemKind::Cert => false,
            // A certificate beside a key is dead weight; that is said once, as mixed content.
            ItemKind::Key => return,
        };
        let certificate_no = position;
        if let Some(now) = self.context.now {
            let validity = certificate.validity();
            if now > validity.not_after {
                let not_after = validity.not_after;
                self.push(
                    report,
                    Problem::Expired {
                        certificate: certificate_no,
                        not_after,
                    },
                );
            }
            if now < validity.not_before {
                let not_before = validity.not_before;
                self.push(
                    report,
                    Problem::NotYetValid {
                        certificate: certificate_no,
                        not_before,
                    },
                );
            }
        }
        // Version 1 (and 2) has no extensions: nothing says whether it is an authority.
        let has_extensions = certificate.version() >= 3;
        if !has_extensions {
            self.push(
                report,
                Problem::X509V1 {
                    certificate: certificate_no,
                },
            );
        }
        let is_ca = certificate.is_ca() == Some(true);
        if is_ca_role && has_extensions && !is_ca {
            self.push(
                report,
                Problem::NotACa {
                    certificate: certificate_no,
                },
            );
        }
        // Behind the first one stand the authorities of the chain.
        if !is_ca_role && position == 0 {
            if is_ca {
                self.push(report, Problem::LeafIsACa);
            }
            if self.is_shown_as_server(certificate) && !has_server_name(certificate) {
                self.push(report, Problem::NoSan);
            }
        }
    }

    /// The partition decides where it is known; otherwise the certificate says what it is for.
    fn is_shown_as_server(&self, certificate: &Certificate<'_>) -> bool {
        match self.context.role {
            Some(role) => role.is_server_identity(),
            None => certificate
                .extended_key_usage()
                .is_some_and(|usage| usage.server_auth()),
        }
    }

    fn conclude(&self, met: &Met, report: &mut Reporter<'_>) {
        let wants_key = self.kind() == ItemKind::Key;
        let none = if wants_key {
            met.keys
        } else {
            met.certificates
        } == 0;
        let mistake = if none { self.mistake() } else { None };
        if let Some(mistake) = mistake {
            self.push(report, Problem::Mistaken(mistake));
            return;
        }
        if let Some(damage) = met.damage {
            let (at, fault) = match damage {
                ContentError::Damaged { at, fault } => (at, fault),
                _ => (0, ObjectFault::Structure),
            };
            self.push(report, Problem::Damaged { at, fault });
        }
        let (wanted, unsupported, foreign) = if wants_key {
            (
                met.keys,
                met.unsupported_keys,
                met.certificates.saturating_add(met.others),
            )
        } else {
            (
                met.certificates,
                met.unsupported_certificates,
                met.keys
                    .saturating_add(met.encrypted_keys)
                    .saturating_add(met.others),
            )
        };
        if wanted == 0 {
            if wants_key && met.encrypted_keys > 0 {
                self.push(report, Problem::EncryptedKey);
            } else if met.damage.is_none() {
                // What is damaged may have been of the right kind.
                self.push(report, Problem::WrongKind);
            }
        } else if unsupported == wanted {
            self.push(report, Problem::UnsupportedByDevice);
        } else if unsupported > 0 {
            self.push(report, Problem::PartlyUnsupported { unsupported });
        }
        if !wants_key && wanted > 1 {
            self.push(report, Problem::SeveralCertificates { count: wanted });
        }
        if wanted > 0 && foreign > 0 {
            self.push(report, Problem::MixedContent);
        }
    }
}

fn count(counter: &mut usize) {
    *counter = counter.saturating_add(1);
}

/// Whether a client finds a name or address to compare with.
fn has_server_name(certificate: &Certificate<'_>) -> bool {
    certificate.subject_alt_names().is_some_and(|mut names| {
        names.any(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)))
    })
}
