use super::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

type Stored = Rc<RefCell<BTreeMap<(Vec<u8>, u32), (Option<i64>, Vec<u8>)>>>;

struct Disk(Stored);

impl Rows for Disk {
    fn read(&mut self, key: &[u8]) -> Result<Vec<Row>, RedisError> {
        let rows = self.0.borrow();
        let of_key = rows.iter().filter(|((stored, _), _)| stored == key);
        Ok(of_key
            .map(|((_, page), (_, data))| (*page, data.clone()))
            .collect())
    }

    fn list(&mut self) -> Result<Vec<Listed>, RedisError> {
        let rows = self.0.borrow();
        let heads = rows.iter().filter(|((_, page), _)| *page == 0);
        let listed = heads.map(|((key, _), (expires, data))| Listed {
            key: key.clone(),
            kind: Kind::from_byte(data[1]).unwrap(),
            expires: *expires,
        });
        Ok(listed.collect())
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
                disk.borrow_mut().insert((key, page), (expires, data));
            }
            RowChange::Trim { key, from } => {
                disk.borrow_mut()
                    .retain(|(stored, page), _| *stored != key || *page < from);
            }
        }
    }
    count
}

fn string(text: &str) -> Value {
    Value::String(text.as_bytes().to_vec())
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
    assert_eq!(keyspace.string(b"a"), Ok(Some(&b"2"[..])));
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
    woken.sweep().unwrap();
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
        let value = Value::String(vec![number as u8; 1 << 20]);
        keyspace
            .put(&number.to_be_bytes(), value, Expiry::Never)
            .unwrap();
        save(&disk, &mut keyspace);
        assert!(keyspace.bytes <= KEEP_BYTES);
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
    for number in 0..MOST_BYTES >> 20 {
        assert!(!keyspace.is_full());
        let value = Value::String(vec![0; 1 << 20]);
        keyspace
            .put(&number.to_be_bytes(), value, Expiry::Never)
            .unwrap();
    }
    assert!(keyspace.is_full());
    keyspace.take_changes();
    assert!(!keyspace.is_full());
}

#[test]
fn a_value_that_shrinks_leaves_no_pages_behind() {
    let disk = Stored::default();
    let mut keyspace = Keyspace::new(Box::new(Disk(disk.clone())), true, 7);
    keyspace.begin(0);
    for number in 0..1_000 {
        keyspace
            .insert(Kind::Set, b"s", format!("{number}").as_bytes(), vec![])
            .unwrap();
    }
    save(&disk, &mut keyspace);
    assert_eq!(disk.borrow().len(), 16);
    assert_eq!(save(&disk, &mut keyspace), 0);
    keyspace
        .insert(Kind::Set, b"s", b"one more", vec![])
        .unwrap();
    assert_eq!(save(&disk, &mut keyspace), 1, "one page of many");
    keyspace.put(b"s", string("x"), Expiry::Never).unwrap();
    save(&disk, &mut keyspace);
    assert_eq!(disk.borrow().len(), 1);
    assert_eq!(
        keyspace.insert(Kind::Set, b"s", b"x", vec![]),
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
    assert_eq!(keyspace.string(b"old"), Ok(Some(&b"1"[..])));
    assert_eq!(save(&disk, &mut keyspace), 0);
}
