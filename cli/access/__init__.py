"""Into a VPS: its terminal, its ports, its files. One file per command, and the parts they stand on.

target      which VPS is meant, and the streams to it that a person looks at
opening     a stream to a VPS, waited for while something is being restarted
remote      a shell in a VPS that survives broken connections; knows no terminal of ours
unconfirmed what was typed and not yet taken
aftermath   why something really ended
outlet      what comes out of a VPS, to standard output and error
terminal    this machine's terminal: raw, sized, and put back
escapes     what `~.` and its like mean
modes       what the shell turned on in our terminal, to be turned off when we leave in the middle
"""
