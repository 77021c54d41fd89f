//! Vectors with a length in front (RFC 8446 §3.4), written and read.

pub fn vec8(body: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(body.len()).unwrap()];
    out.extend(body);
    out
}

pub fn vec16(body: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    out.extend(body);
    out
}

pub fn vec24(body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len()).unwrap().to_be_bytes()[1..].to_vec();
    out.extend(body);
    out
}

/// A list of 16-bit numbers without the length in front.
pub fn u16_list(items: &[u16]) -> Vec<u8> {
    items.iter().flat_map(|item| item.to_be_bytes()).collect()
}

/// Extensions without the length in front of their list.
pub fn extensions(list: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, data) in list {
        out.extend(kind.to_be_bytes());
        out.extend(vec16(data));
    }
    out
}

/// Takes fields off the front; `None` is a message that ends too early.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// A big-endian number of `N` bytes.
    pub fn uint<const N: usize>(&mut self) -> Option<usize> {
        let bytes = self.bytes(N)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
        )
    }

    pub fn u16(&mut self) -> Option<u16> {
        u16::try_from(self.uint::<2>()?).ok()
    }

    /// A vector whose length takes `N` bytes.
    pub fn vec<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let len = self.uint::<N>()?;
        self.bytes(len)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub fn read_extensions(list: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut reader = Reader(list);
    let mut out = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u16()?;
        out.push((kind, reader.vec::<2>()?.to_vec()));
    }
    Some(out)
}
