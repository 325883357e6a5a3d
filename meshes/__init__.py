"""Where things are: fields, anatomy, builders. Knows no drawing and no physics."""
