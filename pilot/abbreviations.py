"""Short forms that databases are full of, and what they stand for. Words that are English themselves are not in it."""

from functools import cache

LONG = """
abbreviation: abbr | account: acct | active: actv | address: addr adr | agreement: agmt | allocation: alloc |
amount: amt amnt | application: appl | appointment: appt | approval: appr | assignment: assgn | attribute: attr |
available: avail | average: avg | balance: bal | bank: bnk | billing: blng | booking: bookg | branch: brch |
brand: brnd | budget: bgt | building: bldg | category: cat catg ctgry | center: ctr | certificate: cert |
channel: chnl | charge: chg | city: cty | class: cls | code: cd | color: col | comment: cmt | commission: comm |
company: cmpny | conference: conf | contact: cntct | contract: cntrct | corporation: corp | count: cnt |
country: cntry ctry | county: cnty | course: crse crs | customer: cust cstmr | date: dt | date of birth: dob |
delivery: del deliv dlvry | department: dept dpt | description: desc descr | destination: dest | detail: det dtl |
device: dvc | director: dir | discount: disc | district: distr | division: div | document: doc | duration: dur |
effective: eff | employee: emp empl | enrollment: enrl | equipment: eqp equip | estimated: est | event: evt |
experience: expr | facility: fac | finance: fin | first: fst | first name: fname | flight: flt | floor: flr |
frequency: freq | gender: gend | grade: grd | group: grp | header: hdr | headquarter: hqtr | height: hgt |
history: hist | hospital: hosp | institution: inst | instructor: instr | invoice: inv invc | item: itm |
language: lang | last name: lname | latitude: lat | length: len | level: lvl | license: lic | location: loc locn |
longitude: lng | maintenance: maint | manager: mgr mngr | manufacturer: manuf mfr | market: mkt | medical: med |
meeting: mtg | member: mbr memb | method: meth | month: mth | name: nm nme | national: natl | nationality: nat |
number: nbr no num | office: ofc | operation: oper | order: ord | organization: org | origin: orig |
package: pkg | party: prty | password: pwd | patient: patnt | payment: pmt pymt | percent: pct |
performance: perf | person: pers | phone: ph phn | player: plyr | position: pos | price: prc | product: prd prod |
professor: prof | program: prog | project: proj | property: prop | publisher: pub | purchase: purch |
quality: qlty | quantity: qty | quarter: qtr | rank: rnk | rate: rte | rating: rtg | receipt: rcpt |
received: recd | reference: ref | region: reg regn rgn | representative: rep | request: req | reservation: resv |
revenue: rev | room: rm | salary: sal | sales: sls | schedule: sched | season: ssn | semester: sem |
sequence: seq | service: srvc svc | shipment: shp shpmt | size: sz | source: src | start: strt | station: sta |
status: stat sts | stock: stk | street: str | student: stdt stu | subject: subj | supplier: supp suppl |
team: tm | telephone: tel | territory: terr | total: tot ttl | tournament: tourn | train: trn |
transaction: trans trx txn | type: typ | university: univ | updated: upd | user: usr | value: val | vehicle: veh |
vendor: vend vndr | volume: vol | warehouse: whs | weight: wgt wt | year: yr | zip code: zip
"""


@cache
def short_forms() -> dict[str, list[str]]:
    """The short forms of each word, the usual one first."""
    entries = (entry.split(":") for entry in LONG.split("|"))
    return {word.strip(): shorts.split() for word, shorts in entries}


@cache
def long_forms() -> dict[str, str]:
    """The word that each short form stands for."""
    return {short: word for word, shorts in short_forms().items() for short in shorts}


def abbreviates(short: str, word: str) -> bool:
    """Is this what is left of the word without its end or without vowels? 'prem' of 'premium', 'clm' of 'claim'."""
    if len(short) < 2 or len(word) - len(short) < 2 or short[0] != word[0]:
        return False
    if len(short) >= 3 and word.startswith(short):
        return True
    consonants = word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")
    rest = iter(word)
    in_order = all(letter in rest for letter in short)
    return in_order and len(short) >= 0.6 * len(consonants) and short[-1] in consonants
