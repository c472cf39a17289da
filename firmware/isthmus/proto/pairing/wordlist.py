"""The three words that two administrators compare: 2048 words, eleven bits each.

Written for this program: English, four to eight letters, and of words that differ in a single letter as few as could be
had. The order is part of the protocol: both routers must have the same list, in this order, and a changed list is a new
version of pairing (tests/core/test_pairing_keys.py holds its digest).
"""

from __future__ import annotations

TEXT = """
absorb accent acid acorn acre actor adapt adder admiral admit adobe adopt adult advice afford agent agile agree ahead
airport alarm album alcove alert algae alien align alley alloy almond aloe alpha alpine amber amble ample amuse anchor
anchovy angel angle angry animal ankle annex annual anthem antique antler anvil appear apple apply apron aqua arbor
arcade arch arctic arena argue arise armor army aroma arrow artist ascend ascent ashen aside aspen asphalt asset
athlete atlantic atlas atom attic auburn audio august author autumn avenue avocado avoid awake award axis axle azure
baby backpack bacon badge bagel baker balcony ballad ballet balloon bamboo banana bandit banjo banner barber bargain
barley barn barrel barrier basalt basic basil basin basket bath bathtub baton battle beacon beagle beak bean beard
beast beaver bedrock bedroom beetle begin beige belief bellow belt bench beret berg beside better beyond bicycle bike
billion binder bingo birch bird biscuit bishop bison bitter blade blanket blast blaze blend bless blimp blink bliss
blizzard block blond bloom blossom blouse blues bluff blunt blur blush board boat bobcat bobsled body bold bolt bonus
book bookcase boost booth border borrow boss bottle bounce bouquet bowl boxer bracelet brain brand brass brave bread
breeze brick bride brief bright brisk broad broccoli bronco bronze brook broom brown brush bubble bucket buckle budget
buffalo bugle build bulb bulk bumper bundle bunker burger burrow burst busy butler butter button buyer buzz cabbage
cabin cable cactus cadet cage cake calendar calf calm camel camera camp canal candle candy canoe canvas canyon cape
captain caramel carbon card cardinal cargo caribou carousel carpet carrot carve cascade cashew castle casual catalog
catch cattle cauldron cedar ceiling celery cello cement center century ceramic chain chalk champ chance chapel chariot
charm chart chase cheap cheddar cheek cheese chef cherry chess chest chestnut chief child chili chimney chin chip
chipmunk chisel choice chorus chrome chunk church cider cinema cinnamon circle circus citizen city civil claim clam
clap clarinet clarity clash classic clay clean clerk clever client cliff climb clinic clip cloak clock close cloth
cloud clove clown club clue coach coast cobalt cobra cockpit coconut code coffee coin cold collect color column comb
comet comfort comic comma common compact compass concert concrete condor confetti contest cookie cool copilot copper
copy coral cork corner cosmos costume cottage cotton couch cougar count country couple courage courier cousin cover
cowboy coyote crab cradle craft crane crater crayon crazy cream credit creek crest crew cricket crisp crop cross
crossing crowd crown cruise crumb crust crystal cube cuckoo cucumber cupboard cupcake curb curious curl curry curtain
curve cushion custom cycle cyclone cypress daddy dagger daily dairy daisy dance danger daring dark dash data dawn
daylight debate debit decade decimal decor decorate deep deer defend delay delight deliver delta demand denim dentist
deposit depot depth deputy desert design desk desktop detail device dewdrop diagram dial diamond diary dice diesel
diet digit dinner dinosaur diploma dirt disco discover dish ditch diver dizzy dock doctor dodge dolphin domain dome
donate donkey donor door doorbell double dough dove down dozen draft dragon drama draw dream dress drift drill drink
drive driveway drum duck duckling duet duffel dumpling dune dusk duty dwarf dynamo eager eagle early earring earth
easel easy echo eclipse edge edit effort eight elastic elbow elder elegant elephant elevator elite embark ember emblem
emerald empire empty enamel energy engine engrave enjoy enter envelope equal equator eraser errand escape escort
espresso essay estate ethics evening event exact exam excite exhale exile exist exit exotic expert explore export
extra eyebrow fable fabric face fact factory faculty fade fairway falafel falcon fall family famous fancy farm farmer
fashion fast father fathom faucet favor feast feather fence fern ferret ferry festival fiber fiction fiddle field
fifty figure film filter final finch finger finish fire firefly firm fish five flag flame flamingo flannel flash flat
flatbed flavor fleece flesh flicker flight flint flip float flock flood floor florist flow fluid flute foam focus foil
folder folk follow foot footpath forest forget fort fortress forum fossil fountain fragment frame freedom freight
fresh friend fringe frisbee fritter frog front frontier frost frozen fruit fuel funnel furnace fusion future gadget
galaxy gallery galley gallon game garage garden gargoyle garlic garment gate gauge gazebo gazelle gecko genius gentle
genuine germ geyser giant gift giggle ginger giraffe girl give gizmo glacier glad glance glass glide glimmer globe
gloom glory glove glow glue goal goat goblet goldfish golf gondola good goose gopher gospel gossip goulash gown grab
grace grain granite granola grape graph grass gravel gravity gravy gray great green grid grill grin grip grocery
ground group grove grow guard guava guest guide guitar gulf gull gumdrop guru gust habit hacksaw hail half halibut
hallway hamlet hammer hammock hamster hand handbook hangar happy harbor hardware harmony harp harvest hatch hatchet
haven hawk haystack hazel hazelnut head health heart hedge hedgehog height heirloom helium helmet help herb hermit
hero heron hexagon hidden high highway hiker hill hint hippo history hobby hockey hold holiday hollow home honest
honey hook hope horizon horn horse hotel housing hover huddle human humble humor hundred hunt hurdle hurry husky
hyacinth hybrid hydrant iceberg icicle icon idea ideal idle igloo iguana illusion image impact inch incline income
index indigo indoor infant infinity inform ingot inkwell inlet inner input insect inside inspire interval invent
invoice iris iron island isthmus item ivory jacket jackpot jade jaguar jalapeno jasmine javelin jazz jeans jelly
jersey jetty jewel jigsaw jockey join joke jolly journal journey judge juggle juice jukebox july jumbo jump june
jungle junior juniper jury just kangaroo karate kayak keen keep keepsake kennel kernel ketchup kettle keyboard kick
kidney kind king kingdom kiosk kitchen kite kitten kiwi knapsack knee knife knock knuckle koala label labor lace
ladder lady lagoon lakeside lamp lance land landmark lantern laptop large lark laser last latch later laugh laundry
lava lavender lawn lawyer lazy leader leaf leaflet league learn leather ledge left legal legend lemon lemonade length
lens lentil leopard lesson letter level lever liberty library license licorice lift lilac lily limb lime limit linen
lion liquid list liter little lizard llama lobby lobster local locket lodge lofty logbook logic long lookout loop
lotion lotus loud lounge loyal lozenge lucky luggage lullaby lumber lunar lunch lung luxury lynx lyric macaroni
machine magenta magic magnet magnolia maid mailbox major mammal mammoth mandolin mango manor mansion maple marathon
marble march margin marigold marina market maroon marsh marzipan mascot mask master matador matrix matter mattress
mayor maze meadow meal measure mechanic medium melody melon member memory mention menu mercury meringue merit merry
mesh message metal meteor method midday middle midnight milk mill mimic minaret mind mineral minnow minor mint mirror
mist mittens mobile moccasin model modern modest molasses moment monarch monday money mongoose monitor monkey monster
month moon moral mosaic mosquito moss motel mother motion motor mountain mouse mouth move movie muffin mulberry mule
multiply muscle museum mushroom music musician mustard mute mutual mystery myth nail name napkin narrator narrow
nation nature navigate navy near neat nebula neck necklace nectar needle nephew nerve nest neutral never news nickel
niece night nine noble noise nomad noodle normal north nose notable note notebook notice nova novel number nurse
nutmeg nylon oasis oatcake oatmeal obelisk object oblong oboe observe obtain ocean october octopus office offset often
oilcan okay olive olympic omega omelet onion online onyx opal open opera opinion opossum optimist option oracle orange
orbit orchard orchid order oregano organ orient origin ornament ostrich other otter outdoor outer outpost oval oven
over overcoat owner oxide oxygen oyster ozone pack paddle paddock page paint pajamas palace palette palm pancake panda
panel papaya paper parade paradise parasol parcel parent parrot parsley party passport pasta paste pastry pasture path
patient patrol pattern pause pavement pavilion payment peacock peanut pear pebble pedal pelican pencil pendulum
penguin people pepper perfect perfume permit person pewter pharmacy pheasant phone photo phrase piano pickle picnic
picture pigeon pilgrim pillow pilot pinecone pink pinwheel pioneer pipe pirate pitch pizza planet plant plaster plate
platypus player playful plaza plenty plot plug plum plus pocket poem poet point poker polar police polish pollen
polygon pond pony pool popcorn poppy popular porch porridge portal possum postage postcard potato potter pottery pouch
powder power prairie praise prefix prepare present pretty pretzel price pride primary primrose print prism private
prize problem produce profit program promise proof proper protect proud provide public pudding pueblo puffin pull pulp
pulse pump pumpkin punch pupil puppet puppy purple purse push puzzle pyramid python quadrant quail quality quantum
quarry quarter quartz queen quest question quick quiet quill quilt quince quiver quiz quota quote rabbit raccoon radar
radiator radio radish raft railway rainbow rainfall raisin ramp ranch random range rapid rare rattle raven ravioli
razor ready real reason rebel recall recipe record recorder reef referee reflect refresh regatta region regular
reindeer relax relay remain remedy remote rent repair repeat reply report rescue resort result retire return reveal
reward rhino rhubarb rhythm ribbon rich riddle ridge rifle rigid ring rinse ripple ritual rival river road roast robin
robot robust rocket rodeo romance roof rookie room rooster rose rosemary rotate rough round router rowboat royal
rubber ruby rudder ruler rumor runner runway rural rustic saddle safari safe saffron saga sailor salad salmon salon
salsa salt salute sample sandal sandwich sapling sapphire sardine satchel satin sauce saucer sausage savage sawdust
saxon scale scallop scarf scene scenery school science scissor scooter score scorpion scout scrap screen script scroll
sculpt seashell season seaweed second secret sector seed seesaw select senior sense sentence serious service session
settle seven shadow shaft shallow shamrock shape share shark sharp shed sheep shelf shell sherbet sheriff shield shift
shine ship shipyard shirt shock shoe shoelace shop short shortcut shoulder shout shovel shower shrimp shrub shuttle
sidewalk siege sierra sight signal signpost silent silk silver similar simple singer siren sister size skate sketch
skill skin skirt skull skyline slab sleep sleeve slice slide slipper slogan slope small smart smile smoke smooth snack
snail snake snow snowman soap soccer social soda sofa soft soil solar soldier solid solo solve sombrero song sonic
sound soup south space spade spark sparrow speak spectrum spell spice spider spike spinach spinner spiral spirit
splash split sponge spoon sport spray spring sprout spruce square squid squirrel stable stadium staff stage stamp
stand star starfish station statue steam stencil step stereo stick still sting stock stone stool storm story stove
strap stream street strong student studio style subway success sudden sugar suit suitcase sultan summer summit sunday
sundial sunlight sunrise sunset super supper supply surf surface surgeon surprise suspend swallow swamp swan swarm
sweater swift swim swing switch sword sycamore symbol syrup system tablet tabletop tackle tactic tadpole talent talk
tango tank tape tapestry target taste taxi teach teacup teapot teaspoon teeth temple tempo tender tennis tent terrace
terrain text textile thank theater theme theory thick thimble thirty thistle thorn thread three thrill throat thumb
thunder thursday ticket tidy tiger tile timber tinsel tiny tissue title toast toaster toboggan today toddler toffee
token tomato tongue tonic toolbox topaz torch tornado torpedo tortilla tortoise total toucan tough tourist towel tower
town track tractor trade traffic trail train transit travel tray treasure treaty tree treetop trend triangle tribe
trigger trip triplet trolley trombone trophy tropic trout truck true trumpet trunk trust tuba tugboat tulip tumble
tuna tundra tunnel turbine turkey turnip turret turtle tutor tuxedo twelve twenty twig twilight twin twist typical
ukulele umbrella uncle under unicorn unicycle uniform union unique unit upper upright upset urban urchin useful user
usual utopia vacuum valiant valid valley valve vampire vanilla vanish vapor vase vault vector velocity velvet vendor
venture verb verdict version vessel veteran victory video view village vine vinegar vineyard vintage vinyl violet
violin viper virtual virus visible vision visit visual vital vivid vocal voice volcano volley volume vote vowel voyage
vulture waffle wagon waist waiter walk walkway wallet walnut walrus waltz wander warbler wardrobe warrior wash wasp
water wave wealth weasel weather wedding weekend welcome west whale wheat wheel whisper whistle white widget width
wild wildcat willow windmill window windy winter wire wisdom witness wizard wolf wombat wonder wood woodland work
workshop world worm worthy wreath wrist writer yacht yard yarn year yellow yield yodel yoga yogurt yonder young youth
zebra zenith zeppelin zero zigzag zinc zipper zodiac zone zucchini
"""
