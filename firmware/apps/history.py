"""What a value has been since the start, in bounded memory.

Samples are gathered in buckets, each with its time span, least, greatest, sum
and count. When there are too many, neighbours are joined, oldest and newest
alike, so that the whole time since the start stays covered while its resolution
halves.
"""

BUCKETS = 32


class History:
    """Least, greatest and mean of a value, since a given time."""

    def __init__(self, buckets=BUCKETS):
        self._most = buckets
        self._size = 1  # samples in a bucket
        self._buckets = []  # [begin, end, least, greatest, sum, count]

    def add(self, utc, value):
        """One sample at ``utc`` (seconds since 1970)."""
        last = self._buckets[-1] if self._buckets else None
        if last and last[5] < self._size:
            self._join(last, [utc, utc, value, value, value, 1])
            return
        if len(self._buckets) >= self._most:
            self._size *= 2
            joined = []
            for index in range(0, len(self._buckets), 2):
                bucket = self._buckets[index]
                if index + 1 < len(self._buckets):
                    self._join(bucket, self._buckets[index + 1])
                joined.append(bucket)
            self._buckets = joined
        self._buckets.append([utc, utc, value, value, value, 1])

    def since(self, utc):
        """``(least, greatest, mean, begin, end)`` of what was sampled since ``utc``, or None.

        A bucket that reaches back beyond ``utc`` counts whole.
        """
        total = None
        for bucket in self._buckets:
            if bucket[1] >= utc:
                if total is None:
                    total = list(bucket)
                else:
                    self._join(total, bucket)
        if total is None:
            return None
        begin, end, least, greatest, summed, count = total
        return least, greatest, summed / count, begin, end

    @staticmethod
    def _join(bucket, later):
        bucket[1] = later[1]
        bucket[2] = min(bucket[2], later[2])
        bucket[3] = max(bucket[3], later[3])
        bucket[4] += later[4]
        bucket[5] += later[5]
