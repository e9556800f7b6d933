"""The domain: values in, values out; nothing here can touch the world."""
