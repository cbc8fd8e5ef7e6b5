//! The bookings and messages of the demo data. Every row is derived from the seed and its number
//! alone, so that a row can refer to another without storing it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DemoSpec;

/// The purpose of a random stream; rows of different kinds never share one.
#[derive(Clone, Copy)]
pub enum Stream {
    User = 1,
    Property,
    Booking,
    BookingPeople,
    Thread,
    Unbooked,
    Orphan,
    Image,
}

/// The demo data of one seed and size. Ids start at 1: hosts, then guests, then the admin.
#[derive(Debug, Clone, Copy)]
pub struct Dataset {
    seed: u64,
    /// Number of users who let properties.
    pub hosts: u64,
    /// Number of users who only book.
    pub guests: u64,
    /// Number of properties.
    pub properties: u64,
    /// Number of bookings.
    pub bookings: u64,
}

/// Property, guest and host of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Participants {
    /// The property booked.
    pub property: u64,
    /// Id of the guest.
    pub guest: u64,
    /// Id of the property's host.
    pub host: u64,
}

/// A row of the legacy table `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The booking it is about.
    pub booking: Option<u64>,
    /// The property it is about; may be missing for a message of a booking.
    pub property: Option<u64>,
    /// Id of its author.
    pub sender: u64,
    /// Id of its recipient.
    pub recipient: u64,
    /// Content of the message.
    pub text: String,
    /// Whether the recipient has read it.
    pub read: bool,
    /// Time it was sent, in working minutes since the beginning of 2023.
    pub minute: u64,
}

impl Dataset {
    /// Derives the sizes from the number of bookings: about twelve per property, three per guest.
    pub fn new(spec: &DemoSpec) -> Dataset {
        let properties = (spec.bookings / 12).max(4);
        Dataset {
            seed: spec.seed,
            hosts: (properties / 2).max(2),
            guests: (spec.bookings / 3).max(8),
            properties,
            bookings: spec.bookings,
        }
    }

    /// All users: hosts, guests and one admin.
    pub fn users(&self) -> u64 {
        self.hosts + self.guests + 1
    }

    /// The random numbers of one row.
    pub fn rng(&self, stream: Stream, row: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((stream as u64) << 56 | row);
        rng
    }

    /// Id of a property's host. Hosts are assigned in turn, so that each has at least one property.
    pub fn host_of(&self, property: u64) -> u64 {
        1 + (property - 1) % self.hosts
    }

    /// The participants of a booking. One in ten repeats an earlier stay of the same guest at the
    /// same property; one in 250, and the fourth, is by a host at their own property.
    pub fn participants(&self, booking: u64) -> Participants {
        let source = if booking.is_multiple_of(10) {
            booking - 3
        } else {
            booking
        };
        let mut rng = self.rng(Stream::BookingPeople, source);
        let property = rng.random_range(1..=self.properties);
        let host = self.host_of(property);
        let guest = if rng.random_ratio(1, 250) || source == 4 {
            host
        } else {
            self.hosts + rng.random_range(1..=self.guests)
        };
        Participants {
            property,
            guest,
            host,
        }
    }

    /// Time a booking was made, in working minutes since the beginning of 2023; increases with its number.
    pub fn booked_at(&self, booking: u64) -> u64 {
        // Three years of 720-minute days, evenly spread.
        booking * 3 * 365 * 720 / (self.bookings + 1)
    }

    /// Every legacy message: those of bookings, then questions without a booking, then orphaned ones.
    pub fn messages(self) -> impl Iterator<Item = Message> {
        let booked = (1..=self.bookings).flat_map(move |booking| self.booking_messages(booking));
        let unbooked =
            (1..=(self.bookings / 10).max(3)).flat_map(move |thread| self.unbooked_messages(thread));
        let orphaned =
            (1..=(self.bookings / 200).clamp(3, 60)).map(move |number| self.orphaned_message(number));
        booked.chain(unbooked).chain(orphaned)
    }

    /// Three in ten bookings have messages. In one conversation in five all messages have the same time;
    /// in one in four the messages lack the property.
    fn booking_messages(&self, booking: u64) -> Vec<Message> {
        let mut rng = self.rng(Stream::Thread, booking);
        if booking > 8 && !rng.random_ratio(3, 10) {
            return Vec::new();
        }
        let people = self.participants(booking);
        let property = (!rng.random_ratio(1, 4)).then_some(people.property);
        let start = self.booked_at(booking);
        self.thread(
            &mut rng,
            Some(booking),
            property,
            (people.guest, people.host),
            start,
        )
    }

    /// Questions before any booking, in both directions.
    fn unbooked_messages(&self, thread: u64) -> Vec<Message> {
        let mut rng = self.rng(Stream::Unbooked, thread);
        let property = rng.random_range(1..=self.properties);
        let guest = self.hosts + rng.random_range(1..=self.guests);
        let start = rng.random_range(0..3 * 365 * 720);
        self.thread(
            &mut rng,
            None,
            Some(property),
            (guest, self.host_of(property)),
            start,
        )
    }

    /// An orphaned message, with neither booking nor property.
    fn orphaned_message(&self, number: u64) -> Message {
        let mut rng = self.rng(Stream::Orphan, number);
        Message {
            booking: None,
            property: None,
            sender: self.hosts + rng.random_range(1..=self.guests),
            recipient: rng.random_range(1..=self.hosts),
            text: super::text::message(&mut rng),
            read: rng.random(),
            minute: rng.random_range(0..3 * 365 * 720),
        }
    }

    /// One to six messages in both directions, at least two without a booking.
    fn thread(
        &self,
        rng: &mut ChaCha8Rng,
        booking: Option<u64>,
        property: Option<u64>,
        (first, second): (u64, u64),
        start: u64,
    ) -> Vec<Message> {
        let count = rng.random_range(if booking.is_some() { 1..=6 } else { 2..=5 });
        let tie = rng.random_ratio(1, 5);
        let read = rng.random_range(0..=count);
        let mut minute = start;
        (0..count)
            .map(|number| {
                if !tie {
                    minute += rng.random_range(0..90);
                }
                let (sender, recipient) = if number % 2 == 0 {
                    (first, second)
                } else {
                    (second, first)
                };
                Message {
                    booking,
                    property,
                    sender,
                    recipient,
                    text: super::text::message(rng),
                    read: number < read,
                    minute,
                }
            })
            .collect()
    }
}
