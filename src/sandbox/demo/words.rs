//! Word lists of the demo data.
//!
//! Each list is one string. A crate of names contains thousands of pointers, which the loader
//! relocates at every start of dbtool: 0.1 MB of memory in each run.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Words separated by `|`.
#[derive(Clone, Copy)]
pub struct WordList(&'static str);

impl WordList {
    /// A random word of the list.
    pub fn any(self, rng: &mut ChaCha8Rng) -> &'static str {
        let count = self.0.split('|').count();
        let one = self.0.split('|').nth(rng.random_range(0..count));
        one.unwrap_or_default()
    }
}

/// Given names and family names of one language.
#[derive(Clone, Copy)]
pub struct NameLists {
    /// Given names.
    pub first: WordList,
    /// Family names.
    pub last: WordList,
}

pub const ENGLISH: NameLists = NameLists {
    first: WordList(
        "Ada|Aidan|Alice|Amelia|Andrew|Anna|Arthur|Beatrice|Ben|Bridget|Caleb|Charlotte|Clara|Connor|Daisy|Daniel|\
         David|Edith|Edward|Eleanor|Eliza|Emma|Ethan|Evelyn|Felix|Finn|Fiona|Frances|Gareth|George|Grace|Hannah|\
         Harriet|Harry|Hugo|Imogen|Iris|Isaac|Isla|Jack|James|Jane|Jasmine|Joel|Joseph|Joy|Katherine|Kit|Laura|Leah|\
         Leo|Liam|Lily|Louis|Lucy|Mabel|Margaret|Mark|Martha|Mary-Jane|Matilda|Maya|Miles|Mina|Nadia|Nathan|Nell|Noah|\
         Nora|Oliver|Olivia|Oscar|Owen|Patrick|Paul|Penelope|Peter|Phoebe|Priya|Quentin|Rachel|Ralph|Rebecca|Reuben|\
         Rhys|Robin|Rosa|Rory|Ruby|Ruth|Sam|Sarah|Simon|Sophie|Stella|Tara|Theo|Thomas|Tess|Tristan|Una|Victor|\
         Violet|Walter|Wendy|William|Winifred|Xavier|Yasmin|Zachary|Zoe",
    ),
    last: WordList(
        "Abbott|Adams|Allen|Archer|Ashworth|Bailey|Barker|Bell|Bennett|Bishop|Black|Booth|Bradley|Brooks|Brown|\
         Burton|Butler|Campbell|Carter|Chapman|Clarke|Cole|Cooper|Cox|Crawford|Cross|D'Arcy|Dawson|Dean|Dixon|Douglas|\
         Ellis|Evans|Farrell|Fisher|Fleming|Fletcher|Foster|Fox|Gardner|Gibson|Gill|Gordon|Graham|Grant|Gray|Green|\
         Hall|Harding|Harper|Hart|Hayes|Hill|Holmes|Hughes|Hunt|Jenkins|Jones|Kelly|Kennedy|Khan|King|Knight|Lambert|\
         Lane|Lawson|Lloyd|Marsh|Mason|Miller|Mills|Moore|Morgan|Murphy|Nash|Newman|Nolan|O'Brien|O'Connor|O'Neill|\
         Osborne|Owens|Palmer|Parker|Patel|Pearce|Perry|Porter|Price|Quinn|Reed|Reid|Reynolds|Rose|Russell|Ryan|Sharp|\
         Shaw|Singh|Smith-Lee|Spencer|Stewart|Stone|Sutton|Taylor|Turner|Walsh|Ward|Watts|Webb|West|White|Wood|Wright|\
         Young",
    ),
};

pub const FRENCH: NameLists = NameLists {
    first: WordList(
        "Adèle|Aimée|Anaïs|Benoît|Chloé|Clément|Édouard|Éloïse|Françoise|Gaëlle|Geneviève|Gérard|Hélène|Inès|Jérôme|\
         Jean-Luc|Joël|Léa|Loïc|Maëlys|Margaux|Mathéo|Noémie|Océane|Pénélope|Raphaël|Rémi|Théo|Valérie|Zoé",
    ),
    last: WordList(
        "Bélanger|Blanchet|Boyer|Chevalier|Côté|D'Aubigné|Delacroix|Dubois|Dupré|Fabre|Faure|Gérard|Lécuyer|Lefèvre|\
         Le Goff|L'Hermite|Maréchal|Mercier|Noël|Perrault|Picard|Poirier|Rivière|Roussel|Vallée|Vasseur",
    ),
};

pub const GERMAN: NameLists = NameLists {
    first: WordList(
        "Anke|Änne|Björn|Bärbel|Dörte|Emil|Friedrich|Gisela|Günther|Hannelore|Heiner|Ingeborg|Jörg|Jürgen|Käthe|Liesel|\
         Lothar|Mareike|Matthäus|Nils|Øyvind|Renate|Rüdiger|Sören|Sönke|Uwe|Walburga|Wiebke",
    ),
    last: WordList(
        "Bäcker|Baumgärtner|Böhm|Dürr|Fährmann|Förster|Grüner|Groß|Hänsel|Jäger|Köhler|König|Krüger|Löwe|Müller|Öztürk|\
         Preuß|Rößler|Schäfer|Schönfeld|Stößel|Süß|Vögel|von der Heide|Weiß|Zöllner",
    ),
};

pub const PORTUGUESE: NameLists = NameLists {
    first: WordList(
        "Abigail|Antônio|Beatriz|Cauã|César|Conceição|Eloá|Fabrício|Inácio|Iracema|João|Joaquim|Lívia|Lúcia|Marília|\
         Murilo|Nathália|Otávio|Patrícia|Sofia|Tainá|Valentina|Vítor",
    ),
    last: WordList(
        "Albuquerque|Araújo|Barbosa|Brandão|Carvalho|Conceição|da Silva|dos Santos|Fernandes|Galvão|Gonçalves|Guimarães|\
         Magalhães|Moraes|Nóbrega|Queiroz|Simões|Vasconcelos|Xavier",
    ),
};

pub const JAPANESE: NameLists = NameLists {
    first: WordList("愛|葵|陽菜|大輔|翔太|健一|恵子|直樹|さくら|美咲|蓮|結衣|悠真|裕子|優子|一郎"),
    last: WordList(
        "青木|石川|伊藤|岡田|加藤|木村|小林|斎藤|佐々木|佐藤|鈴木|高橋|田中|中村|林|松本|山口|山田|渡辺",
    ),
};

pub const CITIES: WordList = WordList(
    "Alderport|Ashford Bay|Bellmere|Birchhaven|Bramblewick|Castle Dunmore|Cedar Falls|Clearwater|Cobblestead|Dry Creek|\
     Eastbourne Hill|Elmsworth|Fairhaven|Fallowfield|Foxbridge|Glen Harbour|Greenhollow|Hartwell|Kingsmere|Lake Ida|\
     Larkspur|Long Meadow|Maplewood|Marrow Point|Mill Cross|New Avalon|North Quay|Oakhurst|Old Saltern|Port Emmett|\
     Queen's Landing|Ravenscar|Redwater|Saint-Aubin|Silverton|South Haven|Stonebridge|Thornbury|Upper Wick|\
     Whitby-on-Sea|Willow Bend|Wolf's Den",
);

pub const STREETS: WordList = WordList(
    "Acorn|Beech|Bishop's|Canal|Chapel|Cherry|Church|Cooper's|Elm|Farrier|Garden|Harbour|High|Hawthorn|Hollow|Ivy|King's|\
     Lantern|Linden|Market|Meadow|Mill|Mulberry|Oak|Orchard|Park|Pilgrim|Poplar|Quarry|River|Rose|School|Spring|Station|\
     Tanner's|Victoria|Vine|Water|Willow|Windmill",
);

pub const STREET_KINDS: WordList = WordList(
    "Alley|Avenue|Close|Court|Crescent|Drive|Gardens|Grove|Hill|Lane|Mews|Place|Road|Row|Square|Street|Terrace|Way",
);

pub const WORDS: WordList = WordList(
    "airy|ancient|balcony|bright|calm|central|charming|clean|cosy|courtyard|cottage|fireplace|fresh|garden|generous|\
     hidden|high|historic|kitchen|large|late|light|little|modern|morning|near|new|old|open|orchard|peaceful|pine|private|\
     quiet|red|river|roof|rustic|sea|shaded|simple|slow|small|snug|soft|sunny|tall|terrace|tidy|tiny|top|view|walk|warm|\
     white|wide|wild|window|winter|wooden",
);

pub const SPOKEN: WordList = WordList(
    "we|you|they|the|a|our|your|my|this|that|is|are|was|can|could|would|will|have|need|arrive|leave|stay|bring|find|park|\
     sleep|pay|book|ask|meet|key|door|house|flat|room|bed|car|dog|child|guest|host|train|ferry|airport|station|evening|\
     morning|night|week|Monday|Friday|early|late|quiet|warm|free|full|with|without|near|before|after|about|until|please|\
     thanks|also|maybe|never|always",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_empty_or_has_spaces_around_it() {
        let names = [ENGLISH, FRENCH, GERMAN, PORTUGUESE, JAPANESE];
        let names = names.into_iter().flat_map(|names| [names.first, names.last]);
        for list in names.chain([CITIES, STREETS, STREET_KINDS, WORDS, SPOKEN]) {
            for word in list.0.split('|') {
                assert!(!word.is_empty() && word == word.trim(), "{word:?}");
            }
        }
    }
}
