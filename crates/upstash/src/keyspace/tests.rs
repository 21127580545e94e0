use super::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

type Stored = Rc<RefCell<BTreeMap<(Vec<u8>, u32), (Option<i64>, Vec<u8>)>>>;

fn listed((key, _): &(Vec<u8>, u32), (expires, data): &(Option<i64>, Vec<u8>)) -> Listed {
    Listed {
        key: key[..].into(),
        kind: Kind::of_row([data[0], data[1]]).unwrap(),
        expires: *expires,
    }
}

struct Disk(Stored);

impl Rows for Disk {
    fn read(&mut self, key: &[u8], max: usize) -> Result<Vec<Row>, RedisError> {
        let rows = self.0.borrow();
        let of_key = rows.iter().filter(|((stored, _), _)| stored == key);
        let read: Vec<Row> = of_key
            .map(|((_, page), (_, data))| (*page, data.clone()))
            .collect();
        let bytes: usize = read.iter().map(|(_, data)| data.len()).sum();
        match bytes <= max {
            true => Ok(read),
            false => Err(RedisError::MuchHeld),
        }
    }

    fn head(&mut self, key: &[u8]) -> Result<Option<Listed>, RedisError> {
        let rows = self.0.borrow();
        let row = rows.get_key_value(&(key.to_vec(), 0));
        Ok(row.map(|(place, row)| listed(place, row)))
    }

    fn list(&mut self, _: usize) -> Result<Vec<Listed>, RedisError> {
        let rows = self.0.borrow();
        let heads = rows.iter().filter(|((_, page), _)| *page == 0);
        Ok(heads.map(|(place, row)| listed(place, row)).collect())
    }
}

fn save(disk: &Stored, keyspace: &mut Keyspace) -> usize {
    let changes = keyspace.take_changes();
    let count = changes.len();
    for change in changes {
        match change {
            RowChange::Put {
                key,
                page,
                expires,
                data,
            } => {
                disk.borrow_mut()
                    .insert((key.to_vec(), page), (expires, data));
            }
            RowChange::Trim { key, from } => {
                disk.borrow_mut()
                    .retain(|(stored, page), _| **stored != *key || *page < from);
            }
            RowChange::Wipe => disk.borrow_mut().clear(),
            RowChange::Sweep { until } => disk
                .borrow_mut()
                .retain(|_, (expires, _)| expires.is_none_or(|time| time > until)),
        }
    }
    count
}

fn string(text: &str) -> Value {
    Value::String(text.as_bytes().into())
}

#[test]
fn a_counter_costs_one_row_and_a_read_none() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    keyspace.begin(1_000);
    keyspace.put(b"a", string("1"), Expiry::At(2_000)).unwrap();
    assert_eq!(save(&disk, &mut keyspace), 1);
    keyspace.put(b"a", string("2"), Expiry::Keep).unwrap();
    assert_eq!(save(&disk, &mut keyspace), 1);
    assert_eq!(keyspace.string(b"a"), Ok(Some(&b"2"[..].into())));
    assert_eq!(keyspace.string(b"b"), Ok(None));
    assert_eq!(save(&disk, &mut keyspace), 0);
    assert_eq!(disk.borrow()[&(b"a".to_vec(), 0)].0, Some(2_000));
}

#[test]
fn an_expired_key_is_gone_at_its_millisecond_and_its_rows_follow() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    keyspace.begin(1_000);
    keyspace.put(b"a", string("1"), Expiry::At(2_000)).unwrap();
    keyspace.put(b"b", string("1"), Expiry::Never).unwrap();
    keyspace
        .put(b"c", string("1"), Expiry::At(9_000_000))
        .unwrap();
    save(&disk, &mut keyspace);
    assert_eq!(keyspace.sweep_at(), Some(2_000 + SWEEP_LAG));
    keyspace.begin(1_999);
    assert!(keyspace.value(b"a").unwrap().is_some());
    keyspace.begin(2_000);
    assert!(keyspace.value(b"a").unwrap().is_none());
    assert_eq!((save(&disk, &mut keyspace), disk.borrow().len()), (1, 2));
    // The clock steps back: nothing comes back to life, and nothing lives longer.
    keyspace.begin(500);
    assert_eq!(keyspace.now(), 2_000);
    // And what only storage knows expires there.
    let mut woken = Keyspace::new(Box::new(Disk(disk.clone())), false, 7);
    woken.begin(9_000_001);
    assert_eq!(woken.keys().unwrap().len(), 1);
    woken.sweep();
    save(&disk, &mut woken);
    assert_eq!(disk.borrow().len(), 1);
    woken.remove(b"b").unwrap();
    save(&disk, &mut woken);
    assert!(disk.borrow().is_empty());
}

#[test]
fn memory_stays_bounded_and_storage_keeps_everything() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    for number in 0..30u32 {
        keyspace.begin(1_000);
        let value = Value::String(vec![number as u8; 1 << 20].into());
        keyspace
            .put(&number.to_be_bytes(), value, Expiry::Never)
            .unwrap();
        save(&disk, &mut keyspace);
        assert!(keyspace.held() <= crate::bounds::MAX_KEPT);
    }
    for number in 0..30u32 {
        let value = keyspace.string(&number.to_be_bytes()).unwrap().unwrap();
        assert_eq!((value.len(), value[0]), (1 << 20, number as u8));
        save(&disk, &mut keyspace);
    }
    assert_eq!(keyspace.keys().unwrap().len(), 30);
}

#[test]
fn a_call_that_holds_too_much_is_full_until_it_ends() {
    let mut keyspace = Keyspace::new(Box::new(Disk(Stored::default())), true, 7);
    keyspace.begin(0);
    let put = |keyspace: &mut Keyspace, number: usize| {
        let value = Value::String(vec![0; 1 << 20].into());
        keyspace.put(&number.to_be_bytes(), value, Expiry::Never)
    };
    for number in 0..(MAX_HELD >> 20) - 1 {
        put(&mut keyspace, number).unwrap();
    }
    assert_eq!(put(&mut keyspace, 99), Err(RedisError::OutOfMemory));
    keyspace.put(b"small", string("1"), Expiry::Never).unwrap();
    keyspace.take_changes();
    put(&mut keyspace, 99).unwrap();
}

#[test]
fn a_value_that_shrinks_leaves_no_pages_behind() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    keyspace.begin(0);
    for number in 0..1_000 {
        keyspace
            .insert(Kind::Set, b"s", format!("{number}").as_bytes(), [])
            .unwrap();
    }
    save(&disk, &mut keyspace);
    assert_eq!(disk.borrow().len(), 16);
    assert_eq!(save(&disk, &mut keyspace), 0);
    keyspace.insert(Kind::Set, b"s", b"one more", []).unwrap();
    assert_eq!(save(&disk, &mut keyspace), 1, "one page of many");
    keyspace.put(b"s", string("x"), Expiry::Never).unwrap();
    save(&disk, &mut keyspace);
    assert_eq!(disk.borrow().len(), 1);
    assert_eq!(
        keyspace.insert(Kind::Set, b"s", b"x", []),
        Err(RedisError::WrongType)
    );
}

#[test]
fn a_row_of_a_newer_version_is_neither_empty_nor_overwritten() {
    let disk = Stored::default();
    disk.borrow_mut().insert(
        (b"new".to_vec(), 0),
        (None, vec![9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    );
    disk.borrow_mut()
        .insert((b"old".to_vec(), 0), (None, string("1").encode(0, None)));
    let all = || {
        disk.borrow()
            .iter()
            .map(|((key, page), (_, data))| (key.clone(), (*page, data.clone())))
            .collect()
    };
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), false, 7);
    assert!(keyspace.restore(all()).is_err());
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), false, 7);
    keyspace.begin(0);
    assert!(keyspace.value(b"new").is_err());
    assert!(keyspace.put(b"new", string("2"), Expiry::Never).is_err());
    assert!(keyspace.remove(b"new").is_err());
    assert_eq!(keyspace.string(b"old"), Ok(Some(&b"1"[..].into())));
    assert_eq!(save(&disk, &mut keyspace), 0);
}

#[test]
fn small_members_count_what_they_take_and_fill_a_call() {
    let mut keyspace = Keyspace::new(Box::new(Disk(Stored::default())), true, 7);
    keyspace.begin(0);
    let mut added = 0u32;
    let refused = loop {
        match keyspace.insert(Kind::Set, b"s", &added.to_le_bytes(), []) {
            Ok(_) => added += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, RedisError::OutOfMemory);
    assert!(((MAX_HELD / 80) as u32..(MAX_HELD / 64) as u32).contains(&added));
    keyspace.take_changes();
    assert_eq!(keyspace.held(), 0, "no more is kept than may be");
}

#[test]
fn what_is_too_large_to_load_can_still_be_looked_at_and_deleted() {
    let disk = Stored::default();
    let huge = Value::String(vec![0; MAX_HELD].into());
    for (key, expires) in [("huge", None), ("gone", Some(500))] {
        let row = (expires, huge.encode(0, expires));
        disk.borrow_mut().insert((key.into(), 0), row);
    }
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), false, 7);
    keyspace.begin(1_000);
    assert_eq!(keyspace.string(b"huge"), Err(RedisError::MuchHeld));
    assert_eq!(keyspace.kind(b"huge"), Ok(Some(Kind::String)));
    assert_eq!(keyspace.expires(b"huge"), Ok(Some(None)));
    assert_eq!(keyspace.kind(b"gone"), Ok(None));
    assert_eq!(keyspace.remove(b"gone"), Ok(false));
    keyspace.begin(1_000);
    assert_eq!(keyspace.remove(b"huge"), Ok(true));
    assert_eq!(keyspace.kind(b"huge"), Ok(None));
    save(&disk, &mut keyspace);
    assert!(!disk.borrow().contains_key(&(b"huge".to_vec(), 0)));
    // Reading in vain is counted too: a thousand such commands would read gigabytes.
    disk.borrow_mut()
        .insert((b"huge".to_vec(), 0), (None, huge.encode(0, None)));
    keyspace.begin(1_000);
    let tries = (0..1_000).take_while(|_| keyspace.string(b"huge") == Err(RedisError::MuchHeld));
    assert!(tries.count() < 50);
    assert_eq!(keyspace.string(b"huge"), Err(RedisError::ManyMembers));
}

#[test]
fn everything_goes_without_being_read() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    keyspace.begin(0);
    for number in 0..1_000u32 {
        keyspace
            .put(&number.to_be_bytes(), string("1"), Expiry::Never)
            .unwrap();
    }
    save(&disk, &mut keyspace);
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), false, 7);
    keyspace.begin(0);
    keyspace.wipe();
    keyspace.put(b"new", string("1"), Expiry::Never).unwrap();
    save(&disk, &mut keyspace);
    assert_eq!(disk.borrow().len(), 1);
    assert_eq!(keyspace.keys().unwrap().len(), 1);
}
