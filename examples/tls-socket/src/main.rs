//! A TLS session over a socket of tokio: it exists only if chain, dates and name of the server hold.
//!
//! Every async socket fits in the same way, once its halves implement the traits of `embedded-io-async`: those of
//! embassy-net do, those of tokio and futures do with `embedded-io-adapters`. The server is in `server.rs`.

use std::error::Error;
use std::time::SystemTime;

use embassy_time::Delay;
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read as _, Write as _};
// The clock that embassy-time reads.
use pc_time as _;
use rand_core::OsRng;
use tls_session::{Anchors, Clock, Connection, Deadlines, Memory, Policy, Session, Timestamp};
use tokio::net::TcpStream;

mod server;

async fn run() -> Result<(), Box<dyn Error>> {
    let (address, ca) = server::start("broker.local")?;
    let (rx, tx) = TcpStream::connect(address).await?.into_split();
    let connection = Connection::new(FromTokio::new(rx), FromTokio::new(tx), Delay);

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let clock = Clock::At(Timestamp::from_unix(i64::try_from(now.as_secs())?));
    let cas = [ca.as_slice()];
    let policy = Policy::for_host("broker.local", Anchors::new(&cas)?, clock)?;

    let mut memory = Box::<Memory>::default();
    let deadlines = Deadlines::default();
    let mut session = Session::open(&connection, &mut memory, &policy, deadlines, OsRng).await?;
    println!("{policy}: {:?}", session.peer());

    let (mut reader, mut writer) = session.split();
    writer.write_all(b"ping").await?;
    writer.flush().await?;
    let mut answer = [0; 64];
    let count = reader.read(&mut answer).await?;
    println!("{}", answer.get(..count).unwrap_or_default().escape_ascii());
    session.close().await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_io().build()?.block_on(run())
}
