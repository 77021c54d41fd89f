//! rustls's errors as causes.

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};
use tls_provider::{Alert, Refused};

use super::client_hello::ClientHello;
use super::hello::Hello;
use super::watch::refused;
use crate::policy::Versions;
use crate::reason::{
    CapacityError, Cause, CertificateError, ClientError, EngineError, HelloField, Limit,
    NegotiationError, ProofError, ProtocolViolation, Stage, StreamError,
};
use crate::verify::Version;

const SERVER_HELLO: u8 = 2;
/// rustls's own number for a ServerHello that asks for a second ClientHello.
const HELLO_RETRY_REQUEST: u8 = 6;

/// Where the session was when the error came.
#[derive(Clone, Copy)]
pub(super) struct Place<'h> {
    pub(super) stage: Stage,
    pub(super) hello: Option<&'h Hello>,
    /// Where the peer is a client.
    pub(super) client: Option<&'h ClientHello>,
    pub(super) offered: Versions,
    /// The record that was refused had been decrypted: it was its content that was wrong.
    pub(super) decrypted: bool,
}

/// The alert for an error of which rustls says nothing to the peer.
pub(super) fn alert_left_out(error: &Error) -> Option<Alert> {
    match error {
        // The peer's alert ended it.
        Error::AlertReceived(_) => None,
        // Also what rustls cannot encrypt or decide: then there is no way to send one.
        Error::EncryptError | Error::HandshakeNotComplete | Error::FailedToGetRandomBytes => None,
        Error::General(_) => match Refused::of(error) {
            Some(Refused::TooLong { .. }) => Some(Alert::DecodeError),
            _ => Some(Alert::UnexpectedMessage),
        },
        _ => Some(Alert::UnexpectedMessage),
    }
}

/// Whether an error is about a record as a whole: none of its messages were looked at.
pub(super) fn is_of_record(error: &Error) -> bool {
    matches!(
        error,
        Error::General(_)
            | Error::PeerMisbehaved(
                PeerMisbehaved::TooManyEmptyFragments
                    | PeerMisbehaved::MessageInterleavedWithHandshakeMessage
            )
    )
}

/// The cause of an error.
pub(super) fn cause(error: &Error, place: Place<'_>) -> Cause {
    if let Some(cause) = place
        .client
        .and_then(|hello| of_client(error, hello, place))
    {
        return cause;
    }
    match error {
        Error::AlertReceived(alert) => received(*alert, place),
        Error::PeerIncompatible(error) => incompatible(error, place),
        Error::PeerMisbehaved(error) => misbehaved(error, place),
        Error::InvalidMessage(error) => invalid(*error),
        Error::InappropriateMessage { got_type, .. } => {
            ProtocolViolation::RecordHere(u8::from(*got_type)).into()
        }
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            let kind = match u8::from(*got_type) {
                HELLO_RETRY_REQUEST if !place.offered.contains(Version::Tls13) => {
                    return NegotiationError::PolicyVersion {
                        server: Version::Tls13.wire(),
                        policy: place.offered.min().wire(),
                    }
                    .into();
                }
                HELLO_RETRY_REQUEST => SERVER_HELLO,
                kind => kind,
            };
            match place.stage {
                Stage::Data => ProtocolViolation::PostHandshake(kind).into(),
                _ => ProtocolViolation::Message(kind).into(),
            }
        }
        Error::NoCertificatesPresented => CertificateError::NoCertificate.into(),
        // rustls says this of a Finished that does not hold, too.
        Error::DecryptError if place.decrypted => ProofError::BadFinished.into(),
        Error::DecryptError => ProtocolViolation::BadRecordMac.into(),
        Error::PeerSentOversizedRecord => ProtocolViolation::PlaintextLength.into(),
        Error::FailedToGetRandomBytes => ProtocolViolation::Engine(EngineError::Random).into(),
        other => match Refused::of(other) {
            Some(error) => refused(error),
            None => ProtocolViolation::Engine(EngineError::Other).into(),
        },
    }
}

/// The reason for what only a client can report; `None` for what both roles can.
fn of_client(error: &Error, hello: &ClientHello, place: Place<'_>) -> Option<Cause> {
    use PeerIncompatible as P;
    let cause = match error {
        // In the handshake it is about us; afterwards it may be anything. 90 announces close_notify.
        Error::AlertReceived(alert) if place.stage != Stage::Data => match u8::from(*alert) {
            90 => return None,
            number => ClientError::RefusedUs(number),
        },
        Error::NoCertificatesPresented => ClientError::NoClientCertificate,
        Error::PeerIncompatible(error) => match error {
            P::NoCipherSuitesInCommon => ClientError::NoCommonSuite(hello.suites),
            P::NoKxGroupsInCommon
            | P::NamedGroupsExtensionRequired
            | P::KeyShareExtensionRequired
            | P::NoEcPointFormatsInCommon
            | P::UncompressedEcPointsRequired => ClientError::NoCommonGroup(hello.groups),
            P::NoSignatureSchemesInCommon | P::SignatureAlgorithmsExtensionRequired => {
                ClientError::NoCommonScheme(hello.schemes)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(cause.into())
}

fn received(alert: AlertDescription, place: Place<'_>) -> Cause {
    match u8::from(alert) {
        40 if place.hello.is_none() && place.client.is_none() => {
            NegotiationError::NoCommonSuite.into()
        }
        70 if place.hello.is_none() && place.client.is_none() => {
            NegotiationError::NoCommonVersion {
                min: place.offered.min().wire(),
                max: place.offered.max().wire(),
            }
            .into()
        }
        number => StreamError::PeerAlert(number).into(),
    }
}

fn incompatible(error: &PeerIncompatible, place: Place<'_>) -> Cause {
    let hello = place.hello.copied().unwrap_or_default();
    match error {
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => match hello.version {
            version @ 0x0303..=0x0304 => NegotiationError::PolicyVersion {
                server: version,
                policy: place.offered.min().wire(),
            }
            .into(),
            version => NegotiationError::ServerVersion(version).into(),
        },
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            NegotiationError::NoExtendedMasterSecret.into()
        }
        PeerIncompatible::NoKxGroupsInCommon => NegotiationError::ServerGroup(hello.group).into(),
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => {
            NegotiationError::ClientSignatureScheme.into()
        }
        _ => ProtocolViolation::Engine(EngineError::Extension).into(),
    }
}

fn misbehaved(error: &PeerMisbehaved, place: Place<'_>) -> Cause {
    use PeerMisbehaved as P;
    let hello = place.hello.copied().unwrap_or_default();
    let field = |field| Cause::from(ProtocolViolation::HelloField(field));
    match error {
        P::AttemptedDowngradeToTls12WhenTls13IsSupported => NegotiationError::Downgrade.into(),
        P::SelectedUnofferedCipherSuite
        | P::SelectedUnusableCipherSuiteForVersion
        | P::SelectedDifferentCipherSuiteAfterRetry
        | P::CipherSuiteDifferedOnRetry
        | P::IllegalHelloRetryRequestWithUnofferedCipherSuite => {
            NegotiationError::CipherSuite(hello.suite).into()
        }
        P::SelectedUnofferedKxGroup
        | P::WrongGroupForKeyShare
        | P::IllegalHelloRetryRequestWithUnofferedNamedGroup => {
            NegotiationError::ServerGroup(hello.group).into()
        }
        P::InvalidKeyShare => NegotiationError::KeyExchange.into(),
        P::IllegalHelloRetryRequestWithNoChanges
        | P::IllegalHelloRetryRequestWithOfferedGroup
        | P::IllegalHelloRetryRequestWithEmptyCookie => NegotiationError::ServerRetry.into(),
        P::IllegalHelloRetryRequestWithWrongSessionId | P::ServerEchoedCompatibilitySessionId => {
            field(HelloField::SessionId)
        }
        P::IllegalHelloRetryRequestWithUnsupportedVersion
        | P::SelectedTls12UsingTls13VersionExtension => field(HelloField::SupportedVersions),
        P::MissingKeyShare => field(HelloField::KeyShare),
        P::SelectedUnofferedCompression => field(HelloField::Compression),
        P::SelectedUnofferedPsk | P::SelectedInvalidPsk => field(HelloField::PreSharedKey),
        P::SelectedUnofferedApplicationProtocol => NegotiationError::ApplicationProtocol.into(),
        P::SignedKxWithWrongAlgorithm | P::SignedHandshakeWithUnadvertisedSigScheme => {
            ProofError::UnofferedScheme.into()
        }
        P::TooManyKeyUpdateRequests => ProtocolViolation::KeyUpdateFlood.into(),
        P::TooManyRenegotiationRequests => ProtocolViolation::Renegotiation.into(),
        P::TooManyWarningAlertsReceived => ProtocolViolation::TooManyAlerts.into(),
        P::TooManyEmptyFragments => CapacityError::TooLarge {
            what: Limit::IdleRecords,
            needed: 33,
            limit: 32,
        }
        .into(),
        P::IllegalMiddleboxChangeCipherSpec => ProtocolViolation::ChangeCipherSpec.into(),
        P::IllegalTlsInnerPlaintext => ProtocolViolation::EmptyRecord.into(),
        P::KeyEpochWithPendingFragment | P::MessageInterleavedWithHandshakeMessage => {
            ProtocolViolation::TrailingBytes.into()
        }
        P::UnsolicitedServerHelloExtension
        | P::UnsolicitedEncryptedExtension
        | P::UnsolicitedCertExtension
        | P::DisallowedEncryptedExtension
        | P::UnexpectedCleartextExtension
        | P::BadCertChainExtensions
        | P::DuplicateServerHelloExtensions
        | P::DuplicateEncryptedExtensions
        | P::DuplicateHelloRetryRequestExtensions
        | P::DuplicateNewSessionTicketExtensions => ProtocolViolation::UnsupportedExtension.into(),
        _ => ProtocolViolation::Engine(EngineError::InvalidHandshake).into(),
    }
}

fn invalid(error: InvalidMessage) -> Cause {
    match error {
        InvalidMessage::InvalidCcs => ProtocolViolation::ChangeCipherSpec.into(),
        InvalidMessage::InvalidEmptyPayload => ProtocolViolation::EmptyRecord.into(),
        InvalidMessage::UnknownHelloRetryRequestExtension
        | InvalidMessage::UnknownCertificateExtension
        | InvalidMessage::DuplicateExtension(_) => ProtocolViolation::UnsupportedExtension.into(),
        InvalidMessage::InvalidCertRequest => ProtocolViolation::RequestContext.into(),
        InvalidMessage::UnsupportedCompression => {
            ProtocolViolation::HelloField(HelloField::Compression).into()
        }
        _ => ProtocolViolation::Engine(EngineError::Decode).into(),
    }
}
