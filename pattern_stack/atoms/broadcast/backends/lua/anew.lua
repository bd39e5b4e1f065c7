-- Tell every instance of the channel's new epoch: offset 0, and no event. ARGV[3]: the pub/sub channel.
redis.call('PUBLISH', ARGV[3], epoch .. ':0:')
return {epoch, 0}
