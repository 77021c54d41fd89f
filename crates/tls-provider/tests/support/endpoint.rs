//! The side that has the provider.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// Accepts any server: what is tested here is below certificates.
#[derive(Debug)]
pub(super) struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}

/// A connection of either role.
pub(crate) trait Unbuffered {
    type Data;

    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }
}

/// A connection that is given one whole record per call.
pub(crate) struct Endpoint<C> {
    connection: C,
    /// Bytes from the peer that rustls has not seen.
    incoming: Vec<u8>,
    /// Bytes for the peer.
    pub(crate) outgoing: Vec<u8>,
    /// Application data, and where in its record each piece began.
    pub(crate) data: Vec<u8>,
    pub(crate) starts: Vec<usize>,
    /// Whether data may be sent.
    pub(crate) open: bool,
    /// Bytes that the program has taken from its heap so far, where a test counts them.
    pub(crate) meter: Option<fn() -> usize>,
    /// The most that one call into rustls has taken.
    pub(crate) taken: usize,
}

impl<C: Unbuffered> Endpoint<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self {
            connection,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            data: Vec::new(),
            starts: Vec::new(),
            open: false,
            meter: None,
            taken: 0,
        }
    }

    pub(crate) fn connection(&self) -> &C {
        &self.connection
    }

    /// Takes bytes of the peer and does all that follows from them.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.incoming.extend_from_slice(bytes);
        while self.step()? {}
        Ok(())
    }

    /// Encrypts `data`, which must be sent behind whatever rustls has to say first.
    pub(crate) fn send(&mut self, data: &[u8]) -> Result<(), EncryptError> {
        self.receive(&[]).unwrap();
        let status = self.connection.process(&mut []);
        let ConnectionState::WriteTraffic(mut traffic) = status.state.unwrap() else {
            panic!("the session is not open");
        };
        let start = self.outgoing.len();
        let room = data.len() + 2_000 + data.len() / 100;
        self.outgoing.resize(start + room, 0);
        let sealed = traffic.encrypt(data, &mut self.outgoing[start..]);
        let len = *sealed.as_ref().unwrap_or(&0);
        self.outgoing.truncate(start + len);
        sealed.map(|_| ())
    }

    /// The length of the first record, or 0 until it is there whole.
    fn whole_record(&self) -> usize {
        match *self.incoming {
            [_, _, _, high, low, ref rest @ ..] => {
                let body = usize::from(u16::from_be_bytes([high, low]));
                if rest.len() < body { 0 } else { 5 + body }
            }
            _ => 0,
        }
    }

    /// One call into rustls; whether another one may do something.
    fn step(&mut self) -> Result<bool, Error> {
        let whole = self.whole_record();
        let buffer = &mut self.incoming[..whole];
        let before = self.meter.map(|meter| meter());
        let UnbufferedStatus {
            mut discard, state, ..
        } = self.connection.process(buffer);
        if let (Some(meter), Some(before)) = (self.meter, before) {
            self.taken = self.taken.max(meter() - before);
        }
        let mut note = None;
        let more = match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    assert!(note.is_none(), "one record has one note");
                    note = Some(record.payload.to_vec());
                }
                true
            }
            ConnectionState::EncodeTlsData(mut encode) => {
                let start = self.outgoing.len();
                self.outgoing.resize(start + 20_000, 0);
                let len = encode.encode(&mut self.outgoing[start..]).unwrap();
                self.outgoing.truncate(start + len);
                true
            }
            ConnectionState::TransmitTlsData(transmit) => {
                transmit.done();
                true
            }
            ConnectionState::BlockedHandshake => discard > 0,
            ConnectionState::WriteTraffic(_) => {
                self.open = true;
                discard > 0
            }
            ConnectionState::PeerClosed | ConnectionState::Closed => false,
            other => panic!("{other:?}"),
        };
        if let Some(note) = note {
            let range = tls_provider::plaintext(&note).expect("data have a note");
            self.starts.push(range.start);
            self.data.extend_from_slice(&self.incoming[range]);
        }
        self.incoming.drain(..discard);
        Ok(more)
    }

    /// New keys for what is sent, and a request for new keys of the peer.
    pub(crate) fn refresh(&mut self) {
        let status = self.connection.process(&mut []);
        match status.state.unwrap() {
            ConnectionState::WriteTraffic(traffic) => traffic.refresh_traffic_keys().unwrap(),
            other => panic!("{other:?}"),
        }
    }
}
