"""Passwords that everybody tries first and that passwords.py does not see by rule: fingerprints, no words.

The 3000 most frequent of at least 8 letters of the list that Dropbox's zxcvbn 4.5.0 carries (MIT licence, made from
published leaks), without those that the rules refuse: of each the first 3 bytes of its SHA-256 behind PREFIX, sorted.
One in 8000 other passwords is refused by accident.
"""

from __future__ import annotations

from binascii import a2b_base64

from isthmus import hashes

PREFIX = b"isthmus common password "
SIZE = 3
_TABLE = a2b_base64(
    "AADLAAU6ACFgAEzMAJKaAKIDAK1AAUgZAW35AW7qAZyIAaZGAcpGAdZkAgDqAoLpArcMAtyCAubMAvlBAyDDA0JXA0L3A3n1A7nHA/IFBEHvBEew"
    "BFZJBHM7BHfkBKj3BSbDBVyxBWF2BbWDBdx3Bf7EBgcBBkzPBmSCBpCnBtHKBtbEBvELBwPeBxAmByHgByLyBySLByuGBzilB0o0B55jB9JVB9Yx"
    "B9gDB+tZCB6FCCY8CE/zCK4aCLKaCORCCWtICX4aCYavCaZLCf0gCg6ICkZSCmuSCnEXCohaCo0xCp/CCq/jCsdXCs5WCtGZCtbFCukgCx7PCzT9"
    "CzimC3xaC7jVC8ScDECBDFejDGPDDHqyDH0tDPK9DQvBDSSuDSeZDTIQDbUKDblqDdNgDdflDeyRDf71DhhjDiFMDijKDjsLDl/+DolkDqLJDrIY"
    "DxWrDx6PDzFtDzigD1KbD3ZaD6YZD8qwD/XWD/XcED+KEEbdEHsFEH0/EIqaEJApEK/CEL6rERLQET0bEVynEWr1EWy3EZLQEb9REfElEfUBEf7r"
    "EgdDEivCElQREnXTEoLhEoyYEpgcEvATEydGEza1E00TE2RqE3R/E5r4E7mTE9kAE/FqFAgBFApvFDxtFK74FMu8FQLlFQ72FTO0FTnPFU/xFZbo"
    "Fcc6FfSiFiSgFibeFjNPFoBLFoBwFpUhFpoeFsMqFt9qFwpBF2E5F58xF72+GDkyGDx/GGQhGHDvGKRDGMTBGNDlGS6AGS8/Gcn8GezrGhAnGhhF"
    "GjOnGmIQGm+aGn1qGoIQGpaNGqclGrADGsAOGtNiGtlGGuH1Gwz5G0Q5G0kAG1JJG6Q+G/CBHALfHAbmHBWGHCJZHD9THEpvHFGwHFutHF3xHG0p"
    "HHybHICHHIcRHKeOHLzgHOFQHOwbHS/eHV8SHWGJHYJIHYUQHYuOHZgRHbPiHciyHdxaHgaDHieJHkhKHkllHmQ4HmYzHogoHpovHrKmHrkdHuVQ"
    "HvuCHwCGHxEjHy5IHzsqH0clH00tH1bCH1tFH2NZH4JaH4ZVH5seH6B2H8B2H8k2H9UrH9Y5H9lBH/BwIAcCIB2tICQmIDmNIIlzILBRILK7ILxx"
    "IMV8INMnINUzIQU3ISQ/IbU7Ib4JIeWvIg9mImoTIoGcIpjeItoCIxXMIyVEIz7WI0VgI008I3OcI6r3I8OAI9qxJAIqJBzUJDICJEFVJGw/JHpC"
    "JHslJKSOJLcBJM3bJM5uJNUoJOVFJQYbJVEVJV/AJWxGJXKvJXhWJaD5JePbJe2hJhGFJiP4JjJQJkwxJpSfJqrFJt4TJv1uJwhYJxWtJyRGJzHE"
    "Jz5TJ0YoJ6NsKAMWKBcjKCPkKCRCKCeaKDJvKDKOKD4tKD+qKHyNKIuVKOroKRF/KW5PKXvVKbPNKbXpKcGcKcMkKckoKgRNKkzOKlNiKn4DKoGr"
    "KoqNKrHuKrpBKrwUKvgZKzW5KzhSK1M8K21tK306K5FJK7I/K8z0K9v1K+ZrK/v8LASRLBEJLCbtLDMULD10LFIkLGd0LGytLJbGLKAYLSk5LSyz"
    "LTRWLUWaLVr/LY+rLZZ3LcGRLcLvLgoYLh9xLiniLjKyLj+LLktkLlE3LmFLLnP7Lpl5LqIALqR5LrJnLt3zLy64L0AXL0GGL0HjL1eXL2WyL6XY"
    "L7A/L7gDMGChMGMjMHn4MNI/MQM3MQ3CMYKFMZHCMcj2MdlbMdz/MfLcMgAdMlR6MovFMpSsMpXHMptoMqYWMqgTMrpOMv5RMwSjM1rrM6iqM61t"
    "M9biM/Q/M/+xNAJTNAxRNCRQNFXsNF/NNGFcNGI3NJIoNJT2NJdWNJ6yNN9PNP+qNQWDNU4fNWa9NYXsNYfHNZc/NZ+DNbBRNbHwNbQ2Nbc0NcOS"
    "NdZxNerjNe8HNkcfNlvENpJPNpdCNr8dNuMENum5Nv6ZNv8qNwaeN3I9N4L1N6CVN6O8N7OAN+q+ODAiOGzMOH4mOJ32OKArOL63OMt2ONabOSJ7"
    "OVdFOYMVOY++Obl6OcPgOeOjOfgUOipLOlWROmSVOmm3Oo14OrmwOs+VO0AAO4WqO6E/O8+AO+1LPBXjPDKSPFCZPGatPH9WPJCgPJzLPKSXPLqj"
    "PMBBPMf2PMyEPPDPPPD0PQycPS9UPTCHPVzcPWQVPX/tPaFrPfCnPhorPltVPl/dPneuPo1GPpjwPrI9Pz0aP1QsP1jFP3xgP39gP3/+P7nmP7ny"
    "P9+HQC4+QDe2QFUCQLhtQNmRQNoKQP2iQQ5kQYBzQZD+QZxUQdBGQmaqQnRfQoLRQpnLQvLgQxNnQx4eQzC1Q0RiQ0z6Q2c0Q3KzQ3n/Q+ypRCM7"
    "RKg9RM4MRPDRRRHhRR5wRSICRSdYRSfVRSljRT31RUFORXpfRYjJRYnJRY86RaVORbDGRdLoRd5aRiisRjP4RjjnRnZWRoTlRpy2RsHIRtKRRuNo"
    "Ru+eRzL4R0UnR0zgR1vzR1+MR2lmR6xIR8pER8yYSLqiSOpXSQrhSVrySXw+SX9mSdHzShKKStiyStrjSvL/Svq1Sw8DSzO7S24nS4SfS5dpS7I/"
    "S7VKS/0OS/7CS/+BTAhwTA9oTC14TC3kTD8WTElwTIXWTMnoTOvGTSp3TStITSwpTWl2TacjTepGTepaTgDJTganThlbTlZXTraaTr80TvvuTw3Y"
    "TzS5T0vCT3xKT47oT5uWT51lT6CdT6iaT+GUT/4PUAUpUBy8UC8TUFHiUFycUInJUNxEUN/1URnRUSeYUS1+UWO0UZbwUZe2UaIWUgiKUhBfUhyu"
    "Uh1rUiqyUmhqUmuDUm+gUoZhUotzUpzSUqXoUzWGU0F/U0X2U5f8U56zU6kSU8/2U9PVU+nlU/FLVBbbVCqEVHLKVH5dVLBTVMkUVMmNVMovVOKP"
    "VOW1VPljVP4YVRNPVRb4VRv3VUgDVY6jVZkTVaTtVakfVcoSVgLFVhmpViF9VngQVtMyVv+8V2ZgV6BJV85yWBxdWK1HWNXRWQzdWUuAWYjmWbKs"
    "WdQpWdtQWepSWfEDWgCJWiXLWjSyWkDlWmSbWnFFWppXWrH8WsgBWvQOWvW2WwpRWyyiW1FgW2hHW3MiW45+W5I0W8YEW8ifW9YDW9/9W+AiW/8q"
    "XAKwXBK/XDPzXGBAXHgTXMKbXNTvXNeeXSNGXSR8XSedXT5hXT8tXXbcXaxCXfE/XfbhXgKMXgxrXhREXh92Xo28Xpu2XrJBXtiFX4R5X4h6X5gP"
    "X5ypX60yX7DjX9CxX+KOX/vmX/2aYAzlYBRFYBWAYCB/YDjjYDy3YNmKYNtuYOUEYV2DYWEMYZW4YcbhYdvMYhreYkoyYmyVYnEoYo+eYpLZYphb"
    "YqUKYrOgYrX6Yr+aYt0DYu4sYvASYw+fYypHYy7nY1spY3T3Y3hUY4R3Y5ALY5TXY5a6Y5ylY64GY8//Y+ZUY/F4Y/jBZA4WZJxHZKC1ZKxHZK1k"
    "ZLPhZMQJZP2vZP8AZSX/ZSptZVBHZgqZZg2cZh3IZoMEZv1eZxigZxvgZySvZzrRZ0NWZ2bIZ2dyZ7wJaBzNaHXxaHymaH4IaI2paMuDaNJnaNRc"
    "aOAWaWKCaZuCaZz5aaVEaaw1ac6nak+DamZ+arh7avruav0cazAWa1MBa35ca437a5Yha7wAa9l7bA0jbEc4bGlQbHBmbHFDbJTDbK/PbNrRbONF"
    "bPFCbSONbaAFbc27beL2beNJbevgbgPEbitcbjT/bjWNbnULbn/Nbqg0bxmZb2Jwb80Bb9fLb+h8b/pFcGy9cLGlcMuOcNC4cOfQcQy6cUm8cWPq"
    "cW0xcXeBcZOjcZiBcaJ4ccSwchxKcoitcowDcsflctPDctU4cuU+cuvAcvQwcwblcycYcz0rc8SKc/d/c/jLdBFSdDJkdEixdFLgdHuIdH5KdQ3B"
    "dXEKdcmIdenHdfgxdmTMdm0rdm9pdnohdrjIdtUjdutVdvFRdw0Idyt1d0yjd1GGd4lId/uVeAjfeA2LeBSAeC00eC62eGjseIxweLCeeLLYeNHh"
    "eQe4eRQueUHseUi1eVRzeVTmeaiBecIMedDAed7Kee8UefppeiPFejzgepZceqAbesvnetrGexefeyMzezwDe0Pee02ve4pee5qTe6jRe8rae/T6"
    "fDw+fIj1fJ+OfPkmfRHwfRZHfW8CfcewfdKmfd9UfgRIfm80fnrIfowIfqb3frCwfrYRfsLKftNnftywfvtvfwPif0LSf2Vkf2Xpf3V+f5KNf8Pc"
    "f8mVf8wqf/QYgA3AgCp+gEipgF8LgJACgN5vgRXjgTTJgWCOgWi+gZY0gZdCga3CgnfEgug0gvx6gzk0g4F2g4pbg9pnhA4hhGSBhMrdhM/+hOvg"
    "hPwNhUlThXabhZ+ahdA1hdOIhd+uheqshfkchjIghjNVhjUdhk5rhmZGhonEhqhnhsLFhuTNhyQEh2S+h4suh41dh5fWh6OjiBIMiE4aiGA7iGmQ"
    "iJ3DiPg6iP/niT6YiV31ic4big5viikLijnmikl5ik9kimgfio60ipAOiphXipn4isK6isWNisc6iusMivDZivuBiv4riwoci1n3i6aHi6+9i7xt"
    "i73ti871i94hjAeejB5djEFLjEx2jJtOjLpYjLwMjM0YjOONjPC5jPQqjQLJjQlHjUAbjUF9jU1RjXzajYryjZSmjZnpjbC1jbMYjdX7jhSojjsF"
    "jkJ+jkfFjmWejmrkjnkvjylJjztVjzzoj2Ckj2ZNj6Ytj9gbj/ebkAA5kBnRkC7lkEP4kFfSkMVrkQEnkRjxkU0RkVZZkYpTkY6NkcBfkcC+kgVs"
    "kjt2kndZknjUksPUkyjTky2ek0dbk3w2k40Gk734k86mk9hfk+DMk+5Lk/nklCt5lEIqlH2/lJQOlJTilLHulMdBlOQ+lOeslQkMlRtDlTsElWV3"
    "lWiulZZ0lbMileIdleYvlfE8lgBQliPtlj8RlkdOlnPalnZ0lorslrMnlwSllxLIl3bol6rxl83Rl85Ll9gdl+Hcl+kXmCNwmCXKmEsCmJJwmJsr"
    "mK2CmLhbmLrOmMCHmMMEmPGrmPacmSy8mUQ/mWQ5mWczmXBQmXUImYJhmapUmbJTmbl+mcHfmfH7mgP3miTymjbGmkJPmmwvmobsmqcdmq7hmvey"
    "m50Nm6LwnB4inCqtnH7xnMRcnRcxnSSGnSnWnU8HnVFWnXL3ncQancydndp0neqSneuBngVtnlk3nsz6ntExnuZwnwRdnxBDnx32n05vn30An30c"
    "n5vun8yUn9aen/JNn/hWoCYRoD82oM8joNdZoOOuoTV4oUVpoXP2oaCFobBMoejWof6YokTMokgKolPkol0UomHXoo4aoo9+or3SosSuotNVovA5"
    "ov8QowNToxwxo1uYo2M5o2gHo2wco6lXo8wqo9p2o9+opDXYpE2fpHSIpHj3pJespTPZpUYhpWBjpcTvpfQaphXVpjtmpqN7ptE7pvJUp0Zzp3is"
    "p9JfqBxPqFjKqGHlqGkhqHaxqIlkqRGSqRaxqSFRqTiOqUzjqV8VqWGpqWXvqXynqYiPqZlXqcIrqf/OqgPQqgnYqjLQqlN3qpbuqsJeqshTqyMI"
    "qze0q0kRq7dAq9g+q/uirHF/rHPtrHY+rK0hrQLVrXUCrbLAreEZrf2Urjo9rkfUrs2UrtN2rtcGruDMryoRrzzkr8DZr8f3r96Ar/a7sASgsBZw"
    "sCx8sF2NsJQZsKAQsLnlsL8fsOc3sOfTsO17sPQ1sTy+sUCFsXbiscjfsclXseF+sejksfqqsg6ashsesiHBslWtsoZpsp1lsq7ussAqssNzssP2"
    "svEtsv3gswO3swwhsxspszJ4szWos0M9s1X6s2O0s+nbtAgktC8gtFLUtGcWtH9WtKy/tMuitPU2tUnBtWHDtZ1LtbEStdJ4tiG3tiSItkKAtsds"
    "ttFJtv6ytwTXt1dqt2jzt3jpt5BKt6vEt7Eqt7ZMt8fPuEdGuIoBuNKDuR35uUUHuWmGuYtLuZU2ucO7udUdudavufovuhMBukLAummtunMAuo2N"
    "uq1Mur6ausdKuvRou0t1vBGXvDhKvEJ5vEWrvEtnvFZ4vFhXvIxIvJfZvKiqvLAkvNuJvOkmvR5uvTc3vULdvUcivYt9vY5gvd+VvfNOvhfJvhzN"
    "viFEviQpvjbBvlzQvnuHvn25vpmLvq1mvtk4vt8NvvSlvwE1vwK2vy5Gv1QZv1Rzv3N1v3Urv5Iuv50av690v8u7v/Vpv/dbwABQwBrNwCY7wESb"
    "wF1lwHRuwLr6wNZHwNm8wPNbwTrIwVbVwYTZwYrdweHuwkwcwmywwn6Two64wrsiwsyWwuHywwzLwx7jw0guw2YGw2ZZw2lPw4E1w4qZw55Uw7gb"
    "w/l+xApdxDPaxE2QxE6AxF40xIqXxNC1xOsHxPUoxQ7PxT/ixWsmxYE7xbc7xcMexes2xfFYxhahxh9cxjF7xnXExs8wxt59xwOfxwgYxw8SxxJh"
    "xyPVx0XEx1ZJx2lTx4+Mx6Ukx6XKx7Jfx9KGyB+PyE3JyFP+yIlRyJdyyQkTyRcNySZmyV41yV8nyYY6yZW+yZugyaaRydXnyeknyexkyg26yhJk"
    "ykXhynkRypm4ywcZyx4By0qry2yKy25Ry5aUy5aoy7uMy/znzCwTzEbbzFbFzGYkzGkYzKwTzMLbzMewzOkhzPyKzSYbzS/zzTDMzTPezU/qzVdL"
    "zXPszbmozduizfVizfg/zf0Hzi4NzjxGzkXOzmZMznZ3zp+9zrG+zwaKzxq8z2Xbz3Ryz5/wz9vG0Fc70GWW0JEv0JVV0Jpn0KpO0Mov0PZo0P48"
    "0QzP0Qzu0R0t0SnK0T3B0YGr0ai10bTz0bbP0fQg0fR30sY70v5O0xQJ0yJq0yPe00wv000s03oZ03us04fy04ug05DA07N30/Sd0/1a1A8N1Cfv"
    "1Izr1Jir1KfX1K2z1MLN1McW1RFv1TeD1UD51cM21c3D1fy71jQ51jrQ1mpa1pSK1qhS1ry81uaR1wUV1wpR1yqr12Wt12jk12uB137v14EO15M3"
    "17QD2DKi2DR62E7B2FHF2IS42JED2KXy2Kor2NNR2NWY2SXz2Taj2U9x2Y+A2ZqN2afE2gyC2hZq2jIR2nA32nVB2nhN2phu2tlg2yoU2zMC205f"
    "219022v023jo24uG2/q42/4p3Fms3Icw3Kfz3RCp3Rpo3TMj3Ttl3YYK3Zu73di23eoY3fbG3frH3mLx3mV03piv3r8G3tkJ3uVy3uuE3u2i3u5W"
    "3v7S3zJM3zQ932q034Qq35jt389r39/d4A+g4Dlh4D5K4FtC4GM24INy4JGb4LAr4Lb44Njt4N1U4Osl4P504QED4RwL4Wf54dyT4fxy4iHw4lNs"
    "4nuX4sv94u6942Xb42yt422g438B438F4+rb5ANh5B9o5Fuy5GSi5G0h5IYX5KL05K6H5TI/5TMG5Vh15V4G5atm5a2V5ecp5j415k715lgk5lxh"
    "5miS5nTL5oR25oWB5puJ5p3w5rqV5szp5tpv5vZC5yMt52Cn52xg5+FA5+Zi5+mh5+pw6Aey6Bgl6BuJ6D4p6HsD6MSx6Pn86TEs6Tt86T3Y6Vzl"
    "6aVf6dim6fNP6gN56h6c6jp36mJX6n0b6uH66vzP6z1960NI61Gi61ws62sR63HG63kp63sn64Nh66yZ67uk7APq7A0r7BJM7FWH7GR+7IP+7IQf"
    "7Ixd7J+P7Mp07NX27OBs7QaI7Qc27SuL7TR27Uft7VgS7V2k7a1k7cgB7fRK7iWy7jwi7lAr7pyw7qkT7rHp7s1q7zxY745j75eY77F/7/RV7/qB"
    "8EAF8G778Ibv8JDZ8KDh8Kho8K5E8L1G8Nc78OfA8POZ8SKA8V8h8bKF8bwJ8b4X8e7R8gNm8h1E8iSP8nOb8nva8r908sN98ymV81J481X181Y1"
    "84Sd84q885VP87sd88ip88uL9CTU9FKd9JIp9K259Ljk9MAX9N4q9OBz9QMr9Vdy9XFz9Y/g9aOc9bAu9bau9cwW9dRo9ddD9dh09ezX9m709pQB"
    "9tIQ9tSe9uRe9u/i9vwG9wpX9zoZ94XV98Ws99po99v2+BqE+EIj+ExB+HF8+Hij+IFG+JYp+NgM+O6C+Pdx+RzC+S5M+TZV+ThK+UmG+UpO+Vc+"
    "+Wo++W2i+XAl+aEL+bvH+cRK+jAk+kLj+pJm+rM1+rwD+s97+vaH+whF+xCo+yZ4+zlN+0cZ+1QT+2To+2+t+3Hk+3Oc+4Of+41H+7ID+7m9++Yl"
    "/CCv/DKr/HhC/Icm/LEb/L3j/L5k/Mq5/Q8Q/Se3/S3K/TzA/W21/ZR6/ewa/fRd/fgA/hml/ima/k1l/mvP/ooP/pJW/pwR/sjn/uLs/v0N/wFo"
    "/wiW/w77/w+F/x/o/zNm/ze5/6KG/74s//vx"
)


def is_listed(password: str) -> bool:
    """Whether a password, in lower case, is one of them."""
    wanted = hashes.sha256(PREFIX + password.encode()).digest()[:SIZE]
    low, high = 0, len(_TABLE) // SIZE
    while low < high:
        middle = (low + high) // 2
        found = _TABLE[middle * SIZE : middle * SIZE + SIZE]
        if found == wanted:
            return True
        if found < wanted:
            low = middle + 1
        else:
            high = middle
    return False
