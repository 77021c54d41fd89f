//! ClientHello as the server read it (RFC 8446 §4.1.2).

use crate::codec::{Reader, read_extensions};

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// What the client offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    pub session_id: Vec<u8>,
    pub suites: Vec<u16>,
    pub extensions: Vec<(u16, Vec<u8>)>,
}

impl ClientHello {
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let _version = reader.u16()?;
        let _random = reader.bytes(32)?;
        let session_id = reader.vec::<1>()?.to_vec();
        let suites = numbers(reader.vec::<2>()?)?;
        let _compression = reader.vec::<1>()?;
        let extensions = read_extensions(reader.vec::<2>()?)?;
        reader.is_empty().then_some(Self {
            session_id,
            suites,
            extensions,
        })
    }

    pub fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|(found, _)| *found == kind)
            .map(|(_, data)| data.as_slice())
    }

    /// The name in SNI.
    pub fn server_name(&self) -> Option<String> {
        let mut list = Reader(Reader(self.extension(SERVER_NAME)?).vec::<2>()?);
        let _host_name = list.uint::<1>()?;
        String::from_utf8(list.vec::<2>()?.to_vec()).ok()
    }

    /// Application protocols in the client's order; empty without the extension.
    pub fn alpn(&self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let list = self
            .extension(ALPN)
            .and_then(|data| Reader(data).vec::<2>());
        let mut list = Reader(list.unwrap_or_default());
        while let Some(protocol) = list.vec::<1>() {
            out.push(protocol.to_vec());
        }
        out
    }

    pub fn groups(&self) -> Vec<u16> {
        self.number_list::<2>(SUPPORTED_GROUPS)
    }

    pub fn signature_schemes(&self) -> Vec<u16> {
        self.number_list::<2>(SIGNATURE_ALGORITHMS)
    }

    pub fn versions(&self) -> Vec<u16> {
        self.number_list::<1>(SUPPORTED_VERSIONS)
    }

    /// Identities and binders of pre_shared_key, which must be the last extension.
    pub fn pre_shared_keys(&self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let (PRE_SHARED_KEY, data) = self.extensions.last()? else {
            return None;
        };
        let mut reader = Reader(data);
        let (mut identities, mut binders) =
            (Reader(reader.vec::<2>()?), Reader(reader.vec::<2>()?));
        let mut out = Vec::new();
        while let Some(identity) = identities.vec::<2>() {
            let _age = identities.bytes(4)?;
            out.push((identity.to_vec(), binders.vec::<1>()?.to_vec()));
        }
        (reader.is_empty() && binders.is_empty()).then_some(out)
    }

    fn number_list<const N: usize>(&self, kind: u16) -> Vec<u16> {
        self.extension(kind)
            .and_then(|data| numbers(Reader(data).vec::<N>()?))
            .unwrap_or_default()
    }

    /// The client's public value for `group`.
    pub fn key_share(&self, group: u16) -> Option<&[u8]> {
        let mut list = Reader(Reader(self.extension(KEY_SHARE)?).vec::<2>()?);
        while let Some(found) = list.u16() {
            let share = list.vec::<2>()?;
            if found == group {
                return Some(share);
            }
        }
        None
    }
}

fn numbers(mut list: &[u8]) -> Option<Vec<u16>> {
    let mut out = Vec::new();
    while !list.is_empty() {
        let (head, rest) = list.split_first_chunk()?;
        out.push(u16::from_be_bytes(*head));
        list = rest;
    }
    Some(out)
}
