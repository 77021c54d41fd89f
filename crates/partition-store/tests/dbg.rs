#![allow(warnings)]
#[path="suite/support.rs"] mod support;
#[path="suite/settings.rs"] mod settings;
use embassy_futures::block_on;
use partition_store::*; use partition_store::mock::*;
use sequential_storage::{map::*,cache::*};
use crate::settings::*; use crate::support::*;
#[test] fn dbg() {
  let mut store = open(small(3));
  let mut s = block_on(Settings::attach(store.settings_region())).unwrap();
  for n in 0..5u8 { block_on(s.set(Key::user(n).unwrap(), &noise(usize::from(n)*50, n.into()))).unwrap(); }
  block_on(s.set(Key::STATION, b"the old value")).unwrap();
  let mut flash = store.into_inner(); flash.reset_counts();
  for number in 0..1000 {
     let mut st = open(flash.clone()); let mut s = block_on(Settings::attach(st.settings_region())).unwrap();
     block_on(s.set(Key::STATION, &noise(100,51))).unwrap();
     let c = st.into_inner().counts(); if c.sectors_erased>0 { println!("{number} {c:?}"); break; }
     let mut st = open(flash); let mut s = block_on(Settings::attach(st.settings_region())).unwrap();
     block_on(s.set(Key::LAST_KNOWN_TIME, &noise(20,number))).unwrap();
     flash = st.into_inner(); flash.reset_counts();
  }
  for cut in 306..315 {
   let mut st = open(flash.clone().cut_after(cut)); let mut s = block_on(Settings::attach(st.settings_region())).unwrap();
   let r = block_on(s.set(Key::STATION, &noise(100,51)));
   let mut f = st.into_inner(); f.powered_again();
   println!("cut {cut} {r:?}");
   for p in [0x13000usize,0x14000] { println!("  {:x} start {:02x?} end {:02x?}", p, &f.bytes()[p..p+24], &f.bytes()[p+4096-24..p+4096]); }
   let mut st = open(f.clone());
   let mut region = st.settings_region();
   let mut m = MapStorage::<u8,_,_>::new(&mut region, MapConfig::new(0x1000..0x3000), Cache::new_uncached());
   let mut b=[0;288];
   { let r = block_on(m.fetch_all_items(&mut b)); match r { Ok(mut it)=> loop { match block_on(it.next::<&[u8]>(&mut b)) { Ok(Some((k,v)))=>print!(" {k}:{}",v.len()), e=>{println!(" {:?}", e.map(|o|o.is_some()));break} } }, Err(e)=>println!("fetch_all {e:?}") } }
   println!("  get {:?}", block_on(m.fetch_item::<&[u8]>(&mut b,&0x11)).map(|v|v.map(|v|v.len())));
  }
}
