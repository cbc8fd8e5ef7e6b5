use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::generator::{Dataset, Message};
use super::{DemoSpec, IMAGE_BYTES, STATEMENT_BYTES, images, rows, statements_for};

fn spec(bookings: u64) -> DemoSpec {
    DemoSpec { bookings, seed: 7 }
}

fn digest(statements: impl Iterator<Item = String>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for statement in statements {
        hash.update(statement);
    }
    hash.finalize().to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let digest_of = |seed| digest(statements_for(&DemoSpec { bookings: 300, seed }, 3));
    assert_eq!(digest_of(7), digest_of(7));
    assert_ne!(digest_of(7), digest_of(8));
}

#[test]
fn statements_stay_short_and_come_with_their_version() {
    assert!(rows(&spec(5_000)).all(|statement| statement.len() <= STATEMENT_BYTES));
    assert!(images(&spec(100)).all(|statement| statement.len() <= STATEMENT_BYTES));
    let count = |version| statements_for(&spec(100), version).count();
    assert_eq!(count(3), count(2) + count(5));
}

#[test]
fn images_have_the_sizes_promised() {
    let mut sizes = vec![0; IMAGE_BYTES.len()];
    for statement in images(&spec(100)) {
        let user: usize = statement.rsplit(' ').next().unwrap().parse().unwrap();
        if let Some(size) = sizes.get_mut(user - 1) {
            *size += statement.split('\'').nth(1).unwrap().len();
        }
    }
    for (size, wanted) in sizes.into_iter().zip(IMAGE_BYTES) {
        assert!(
            (wanted - 300..=wanted).contains(&size),
            "{size} is not about {wanted}"
        );
    }
}

#[test]
fn every_awkward_case_occurs_even_in_a_small_dataset() {
    let dataset = Dataset::new(&spec(10));
    let people: Vec<_> = (1..=10).map(|booking| dataset.participants(booking)).collect();
    assert!(people.iter().any(|people| people.guest == people.host));
    assert!((0..10).any(|one| (0..one).any(|other| people[one] == people[other])));

    let messages: Vec<Message> = dataset.messages().collect();
    let any = |wanted: &dyn Fn(&Message) -> bool| messages.iter().any(wanted);
    assert!(any(
        &|message| message.booking.is_none() && message.property.is_none()
    ));
    assert!(any(&|message| message.sender == message.recipient));
    let unbooked: BTreeSet<_> = messages
        .iter()
        .filter(|message| message.booking.is_none())
        .filter_map(|message| Some((message.property?, message.sender, message.recipient)))
        .collect();
    assert!(
        unbooked
            .iter()
            .any(|&(property, one, other)| unbooked.contains(&(property, other, one)))
    );

    // These come by chance, one in four and one in five conversations.
    let messages: Vec<Message> = Dataset::new(&spec(100)).messages().collect();
    assert!(
        messages
            .iter()
            .any(|message| message.booking.is_some() && message.property.is_none())
    );
    assert!(messages.windows(2).any(|pair| {
        pair[0].booking.is_some() && pair[0].booking == pair[1].booking && pair[0].minute == pair[1].minute
    }));
    for awkward in ["\n", "'", "\\", "🏡"] {
        assert!(
            messages.iter().any(|message| message.text.contains(awkward)),
            "{awkward:?}"
        );
    }
}

#[test]
fn statuses_are_all_there() {
    let bookings = rows(&spec(10))
        .find(|statement| statement.starts_with("INSERT INTO bookings"))
        .unwrap();
    for status in ["pending", "confirmed", "cancelled", "completed", "refunded"] {
        assert!(bookings.contains(&format!("'{status}','")), "{status}");
    }
}

#[test]
fn every_statement_is_one_statement() {
    for statement in statements_for(&spec(100), 3) {
        let found = crate::sql::split(&statement, crate::sql::SplitOptions::default()).unwrap();
        assert_eq!(found.statements.len(), 1);
        assert_eq!(found.statements[0].text, statement);
    }
}
